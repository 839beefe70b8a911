using System.ComponentModel.DataAnnotations;
using Memoir.Server.Access;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Retention;

/// <summary>The policy of tenants that have none of their own, and when it is looked after.</summary>
internal sealed class RetentionOptions : IValidatableObject
{
    private const string Everybody = "*";

    /// <summary>Memories below the threshold are archived at this age.</summary>
    [Range(0, RetentionPolicy.LongestDays)]
    [ConfigurationKeyName("RetentionMaxAgeDays")]
    public int MaxAgeDays { get; set; } = 30;

    /// <summary>Importance, without its recency part, from which on a memory is kept.</summary>
    [Range(0.0, 1.0)]
    [ConfigurationKeyName("RetentionImportanceThreshold")]
    public double ImportanceThreshold { get; set; } = 0.35;

    /// <summary>How long a memory stays in the archive.</summary>
    [Range(0, RetentionPolicy.LongestDays)]
    [ConfigurationKeyName("RetentionDeleteAfterDays")]
    public int DeleteAfterDays { get; set; } = 90;

    /// <summary>How often the schedule runs; 0 for never.</summary>
    [Range(0, 31_536_000)]
    [ConfigurationKeyName("RetentionScheduleSeconds")]
    public int ScheduleSeconds { get; set; } = 86_400;

    /// <summary>Tenants that the schedule runs for beside those with a policy of their own, with commas between them; <c>*</c> for all.</summary>
    [ConfigurationKeyName("RetentionTenants")]
    public string Tenants { get; set; } = "";

    public bool IsForAll => Tenants.Trim() == Everybody;

    public IReadOnlyList<string> NamedTenants() =>
        IsForAll ? [] : Tenants.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (NamedTenants().Any(name => !TenantId.IsValid(name)))
        {
            yield return new ValidationResult(
                $"must be * or names of tenants with commas between them; each {TenantId.Rule}. Example: MEMORY_RETENTION_TENANTS=acme,umbrella", [nameof(Tenants)]);
        }
    }
}

[OptionsValidator]
internal sealed partial class RetentionOptionsValidator : IValidateOptions<RetentionOptions>;
