using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Memories;

/// <summary>How memories are weighed.</summary>
internal sealed class MemoryOptions
{
    /// <summary>Days after which the recency part of importance has halved.</summary>
    [Range(0.01, 36500)]
    public double ImportanceHalfLifeDays { get; set; } = 30;
}

[OptionsValidator]
internal sealed partial class MemoryOptionsValidator : IValidateOptions<MemoryOptions>;
