using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Privacy;

/// <summary>How erasing is done.</summary>
internal sealed class PrivacyOptions
{
    /// <summary>A subject with more memories than this is erased by a job, and its request answered 202.</summary>
    [Range(0, 1_000_000)]
    public int ErasureInRequest { get; set; } = 5000;

    /// <summary>So long after an erasure the files are written anew; 0 leaves that to the operator, and receipts state no deadline.</summary>
    [Range(0, 23)]
    public int ErasureRewriteHours { get; set; } = 12;
}

[OptionsValidator]
internal sealed partial class PrivacyOptionsValidator : IValidateOptions<PrivacyOptions>;
