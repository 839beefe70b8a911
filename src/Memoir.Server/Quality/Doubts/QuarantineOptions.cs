using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Quality.Doubts;

/// <summary>Whether doubtful texts are kept apart.</summary>
internal sealed class QuarantineOptions
{
    /// <summary><c>on</c>, or <c>off</c>: then nothing new is kept apart.</summary>
    [AllowedValues("on", "off", ErrorMessage = "must be on or off.")]
    public string Quarantine { get; set; } = "on";

    public bool IsOn => Quarantine == "on";
}

[OptionsValidator]
internal sealed partial class QuarantineOptionsValidator : IValidateOptions<QuarantineOptions>;
