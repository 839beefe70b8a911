using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Admin;

/// <summary>What operators are shown.</summary>
internal sealed class AdminOptions
{
    /// <summary>Named in <c>/v1/admin/health</c>, for example <c>production</c>.</summary>
    [StringLength(64)]
    public string Environment { get; set; } = "development";

    /// <summary>Whether <c>/metrics</c> answers.</summary>
    public bool MetricsEnabled { get; set; } = true;
}

[OptionsValidator]
internal sealed partial class AdminOptionsValidator : IValidateOptions<AdminOptions>;
