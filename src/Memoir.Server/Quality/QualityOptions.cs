using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Quality;

/// <summary>What is done with what is sensitive, for tenants that have no policy of their own.</summary>
internal sealed class QualityOptions : IValidatableObject
{
    /// <summary>With keys, tokens and passwords: <c>keep</c>, <c>mask</c> or <c>refuse</c>.</summary>
    [ConfigurationKeyName("Secrets")]
    public string Secrets { get; set; } = SensitiveAction.Mask;

    /// <summary>With card numbers, bank accounts, mail addresses and telephone numbers: the same.</summary>
    [ConfigurationKeyName("PersonalData")]
    public string PersonalData { get; set; } = SensitiveAction.Keep;

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (!SensitiveAction.All.Contains(Secrets))
        {
            yield return new ValidationResult("must be keep, mask or refuse. Example: MEMORY_SECRETS=mask", [nameof(Secrets)]);
        }

        if (!SensitiveAction.All.Contains(PersonalData))
        {
            yield return new ValidationResult("must be keep, mask or refuse. Example: MEMORY_PERSONAL_DATA=mask", [nameof(PersonalData)]);
        }
    }
}

[OptionsValidator]
internal sealed partial class QualityOptionsValidator : IValidateOptions<QualityOptions>;
