namespace Memoir.Server.Quality.Detection;

/// <summary>A place in a text that says something sensitive.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Start">Its first character.</param>
/// <param name="Length">How many characters it has.</param>
internal readonly record struct Finding(SensitiveKind Kind, int Start, int Length)
{
    public int End => Start + Length;
}

/// <summary>What a tenant decides about alike.</summary>
internal enum SensitiveClass
{
    /// <summary>What lets its holder in.</summary>
    Secrets,

    /// <summary>What leads to a person, or to their money.</summary>
    PersonalData,
}

/// <summary>What can be found, those that say most first: of two findings in one place that is the one that counts.</summary>
internal enum SensitiveKind
{
    PrivateKey,
    AwsAccessKey,
    GithubToken,
    GitlabToken,
    SlackToken,
    GoogleApiKey,
    StripeKey,
    AnthropicKey,
    OpenaiKey,
    MemoirKey,
    Jwt,
    Authorization,
    UrlPassword,
    AssignedSecret,
    PaymentCard,
    Iban,
    Email,
    Phone,
}

/// <summary>Kinds as the wire spells them.</summary>
internal static class SensitiveKinds
{
    private static readonly string[] Names =
    [
        "private_key", "aws_access_key", "github_token", "gitlab_token", "slack_token", "google_api_key", "stripe_key", "anthropic_key",
        "openai_key", "memoir_key", "jwt", "authorization", "url_password", "assigned_secret", "payment_card", "iban", "email", "phone",
    ];

    public static string Name(this SensitiveKind kind) => Names[(int)kind];

    public static SensitiveClass Class(this SensitiveKind kind) =>
        kind < SensitiveKind.PaymentCard ? SensitiveClass.Secrets : SensitiveClass.PersonalData;
}
