using Microsoft.Extensions.Options;

namespace Memoir.Kit.Security;

/// <summary>The secret by which this installation signs and encrypts.</summary>
public sealed class SecurityOptions
{
    /// <summary>
    /// Secrets of 32 characters or more, comma-separated, the newest first: it signs and encrypts, the others are known
    /// still. Empty: the file <c>secret.key</c> in the data folder, made at the first start.
    /// </summary>
    public string SecretKey { get; set; } = "";

    public IReadOnlyList<string> SecretKeys() =>
        SecretKey.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
}

/// <summary>Refuses secrets that could be guessed; never prints one.</summary>
public sealed class SecurityOptionsValidator : IValidateOptions<SecurityOptions>
{
    public ValidateOptionsResult Validate(string? name, SecurityOptions options) =>
        options.SecretKeys().All(InstanceKeys.IsStrong)
            ? ValidateOptionsResult.Success
            : ValidateOptionsResult.Fail("SecretKey: each secret must have 32 characters or more and not repeat a few of them, for example what openssl rand -hex 32 prints.");
}
