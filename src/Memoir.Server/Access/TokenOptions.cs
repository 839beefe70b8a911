using Memoir.Kit.Security;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Access;

/// <summary>Which tokens of other services are taken.</summary>
internal sealed class TokenOptions
{
    /// <summary>
    /// The secrets by which other services sign their tokens (HS256), comma-separated, each of 32 characters or more; several while
    /// one takes the place of another. Empty: no token is taken. <c>JWT_SECRET_KEY</c> means the same and yields to it.
    /// </summary>
    public string JwtSecretKey { get; set; } = "";

    /// <summary>What the claim <c>iss</c> must be; empty: it is not looked at.</summary>
    public string JwtIssuer { get; set; } = "";

    /// <summary>What the claim <c>aud</c> must be, or have among its texts; empty: it is not looked at.</summary>
    public string JwtAudience { get; set; } = "";

    public IReadOnlyList<string> Secrets() =>
        JwtSecretKey.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
}

/// <summary>Refuses secrets that could be guessed or looked up: whoever has one is every tenant. Never prints one.</summary>
internal sealed class TokenOptionsValidator(IOptions<SecurityOptions> security, IOptions<AccessOptions> access) : IValidateOptions<TokenOptions>
{
    /// <summary>Parts of the secrets that tutorials, templates and their answers on the web have.</summary>
    private static readonly string[] Known =
    [
        "change", "your-", "your_", "example", "placeholder", "at-least", "atleast", "password", "supersecret", "super-secret", "super_secret",
        "secretkey", "secret-key", "secret_key", "insecure", "default", "testing", "0123456789abcdef", "abcdefghijklmnop",
        "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
    ];

    public ValidateOptionsResult Validate(string? name, TokenOptions options)
    {
        foreach (var secret in options.Secrets())
        {
            if (!InstanceKeys.IsStrong(secret))
            {
                return Fail("each secret must have 32 characters or more and not repeat a few of them");
            }

            if (security.Value.SecretKeys().Contains(secret) || access.Value.OperatorKeys().Contains(secret) || access.Value.MetricsTokens().Contains(secret))
            {
                return Fail("this secret is also a key of this installation, which the services that sign tokens must not have");
            }

            if (Known.Any(known => secret.Contains(known, StringComparison.OrdinalIgnoreCase)))
            {
                return Fail("this secret can be looked up: it is, or holds, one that examples have");
            }
        }

        return ValidateOptionsResult.Success;
    }

    private static ValidateOptionsResult Fail(string complaint) =>
        ValidateOptionsResult.Fail($"JWT_SECRET_KEY: {complaint}. Example: what openssl rand -hex 32 prints; give it to the service that signs the tokens, too.");
}
