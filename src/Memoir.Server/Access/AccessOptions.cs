using Microsoft.Extensions.Options;

namespace Memoir.Server.Access;

/// <summary>Who may come in.</summary>
internal sealed class AccessOptions
{
    /// <summary>Operator keys, comma-separated, each of 24 characters or more. Empty: loopback callers only.</summary>
    public string ApiKeys { get; set; } = "";

    /// <summary>The tenant of an operator's or keyless caller that names none.</summary>
    public string DefaultTenant { get; set; } = "default";

    /// <summary>Lets a scraper read <c>/metrics</c> and nothing else; several, comma-separated, while one takes the place of another.</summary>
    public string MetricsToken { get; set; } = "";

    public IEnumerable<string> OperatorKeys() => Several(ApiKeys);

    public IEnumerable<string> MetricsTokens() => Several(MetricsToken);

    private static string[] Several(string secrets) => secrets.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
}

/// <summary>Refuses keys that could be guessed; never prints one.</summary>
internal sealed class AccessOptionsValidator : IValidateOptions<AccessOptions>
{
    public ValidateOptionsResult Validate(string? name, AccessOptions options)
    {
        if (options.OperatorKeys().Any(key => key.Length < 24 || key.Distinct().Count() < 8))
        {
            return ValidateOptionsResult.Fail("ApiKeys: each key must have 24 characters or more and not repeat a few of them, for example what openssl rand -hex 24 prints.");
        }

        if (options.MetricsTokens().Any(token => token.Length < 24))
        {
            return ValidateOptionsResult.Fail("MetricsToken: each must have 24 characters or more, for example what openssl rand -hex 24 prints.");
        }

        return TenantId.IsValid(options.DefaultTenant)
            ? ValidateOptionsResult.Success
            : ValidateOptionsResult.Fail($"DefaultTenant: {TenantId.Rule}.");
    }
}
