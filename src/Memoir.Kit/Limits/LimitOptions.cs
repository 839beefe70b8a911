using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Memoir.Kit.Limits;

/// <summary>How much one caller may ask for.</summary>
public sealed class LimitOptions : IValidatableObject
{
    /// <summary>Requests of one address; <c>off</c> for no limit.</summary>
    [Required]
    public string GlobalRateLimit { get; set; } = "200/minute";

    /// <summary>Requests of one tenant, by all of its keys together; <c>off</c> for no limit.</summary>
    [Required]
    public string TenantRateLimit { get; set; } = "120/minute";

    /// <summary>An address that is refused so often (401, 429) within five minutes is blocked for fifteen; 0: never.</summary>
    [Range(0, 1_000_000)]
    public int BlockAfterRefusals { get; set; } = 50;

    public RateLimit? OfAddress => RateLimit.Parse(GlobalRateLimit);

    public RateLimit? OfTenant => RateLimit.Parse(TenantRateLimit);

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (!RateLimit.TryParse(GlobalRateLimit, out _))
        {
            yield return new ValidationResult($"{RateLimit.Form}.", [nameof(GlobalRateLimit)]);
        }

        if (!RateLimit.TryParse(TenantRateLimit, out _))
        {
            yield return new ValidationResult($"{RateLimit.Form}.", [nameof(TenantRateLimit)]);
        }
    }
}

[OptionsValidator]
public sealed partial class LimitOptionsValidator : IValidateOptions<LimitOptions>;
