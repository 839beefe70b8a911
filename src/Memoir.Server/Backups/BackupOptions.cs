using System.ComponentModel.DataAnnotations;
using System.Globalization;
using Memoir.Kit.Data;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Backups;

/// <summary>Where backups go, when they are made, and how many stay.</summary>
internal sealed class BackupOptions : IValidatableObject
{
    private const string Never = "off";
    private const int ShortestPeriod = 60;
    private const int LongestPeriod = 31_536_000;

    /// <summary>Empty: <c>backups</c> in the data folder on SQLite; on PostgreSQL none.</summary>
    public string BackupDirectory { get; set; } = "";

    /// <summary>Seconds from one backup to the next, or <c>off</c>.</summary>
    [Required]
    public string BackupScheduleSeconds { get; set; } = "86400";

    /// <summary>The newest of them that stay when a scheduled one is complete.</summary>
    [Range(1, 10_000)]
    public int BackupsKept { get; set; } = 7;

    /// <summary>Null when none are planned.</summary>
    public TimeSpan? Period() => BackupScheduleSeconds == Never ? null : TimeSpan.FromSeconds(int.Parse(BackupScheduleSeconds, CultureInfo.InvariantCulture));

    /// <summary>The folder as an absolute path; null where none is set and the database is a server.</summary>
    public string? ResolveFolder(DatabaseOptions database) =>
        BackupDirectory.Length > 0 ? Path.GetFullPath(BackupDirectory, database.ResolveDataDirectory())
        : database.IsPostgres ? null
        : Path.Combine(database.ResolveDataDirectory(), "backups");

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (BackupScheduleSeconds != Never
            && !(int.TryParse(BackupScheduleSeconds, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) && seconds is >= ShortestPeriod and <= LongestPeriod))
        {
            yield return new ValidationResult($"must be a whole number of seconds from {ShortestPeriod} to {LongestPeriod}, or {Never}.", [nameof(BackupScheduleSeconds)]);
        }
    }
}

[OptionsValidator]
internal sealed partial class BackupOptionsValidator : IValidateOptions<BackupOptions>;
