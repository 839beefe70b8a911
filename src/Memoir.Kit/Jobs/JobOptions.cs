using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Memoir.Kit.Jobs;

/// <summary>How the background worker takes and retries jobs.</summary>
public sealed class JobOptions
{
    /// <summary>No process on the database has a lease that is longer.</summary>
    public const string LongestLease = "01:00:00";

    /// <summary>Jobs that run at once; one that hangs holds up its lane alone.</summary>
    [Range(1, 64)]
    public int JobLanes { get; set; } = 4;

    [Range(typeof(TimeSpan), "00:00:00.050", "00:05:00")]
    public TimeSpan JobPollInterval { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>How long a job is kept from other workers; an attempt that takes nine tenths of it is cut off.</summary>
    [Range(typeof(TimeSpan), "00:00:01", LongestLease)]
    public TimeSpan JobLease { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>After so many failures a job is dead and waits for a person.</summary>
    [Range(1, 50)]
    public int JobMaxAttempts { get; set; } = 8;

    /// <summary>How long a job that succeeded can still be looked up.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "90.00:00:00")]
    public TimeSpan JobsKept { get; set; } = TimeSpan.FromDays(1);
}

[OptionsValidator]
public sealed partial class JobOptionsValidator : IValidateOptions<JobOptions>;
