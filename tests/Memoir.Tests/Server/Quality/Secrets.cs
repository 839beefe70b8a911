using System.Text.Json;

namespace Memoir.Tests.Server.Quality;

/// <summary>Made-up secrets and personal data, put together so that none stands here as one, and what the tests say with them.</summary>
internal static class Secrets
{
    public const string Policy = "/v1/admin/quality/policies/acme";
    public const string Password = "Zq7canaryword9";
    public const string Card = "4242 4242 4242 4242";
    public const string Email = "canary.jo@example.com";
    public const string Phone = "+49 170 5558812";
    public const string Iban = "DE89 3704 0044 0532 0130 00";

    public static readonly string Github = "gh" + "p_c4N4rya1B2c3D4e5F6g7H8i9J0k1L2m3N4o5";

    /// <summary>One of each kind, as it is said and as the word in it that must be nowhere.</summary>
    public static readonly IReadOnlyList<(string Kind, string Said, string Secret)> All =
    [
        ("private_key", "-----BEGIN PRIVATE" + " KEY-----\nMIIEcanaryIBADANBgkqhkiG9w0BAQEFAASCBKcw\n-----END PRIVATE" + " KEY-----", "MIIEcanaryIBADANBgkqhkiG9w0BAQEFAASCBKcw"),
        ("aws_access_key", "AK" + "IAZ7CANARYW1V9T8S6", "AK" + "IAZ7CANARYW1V9T8S6"),
        ("github_token", Github, Github),
        ("gitlab_token", "gl" + "pat-c4N4rya1B2c3D4e5F6g7", "c4N4rya1B2c3D4e5F6g7"),
        ("slack_token", "xo" + "xb-123456789012-c4N4rya1B2c3D4", "c4N4rya1B2c3D4"),
        ("google_api_key", "AI" + "zaSyC4n4ryD4e5F6g7H8i9J0K1l2M3n4O5p6Q", "SyC4n4ryD4e5F6g7H8i9J0K1l2M3n4O5p6Q"),
        ("stripe_key", "sk" + "_live_c4N4ryHqLyjWDarjtT1zdp7d", "c4N4ryHqLyjWDarjtT1zdp7d"),
        ("anthropic_key", "s" + "k-ant-api03-c4N4rya1B2c3D4e5F6g7H8i9J0", "c4N4rya1B2c3D4e5F6g7H8i9J0"),
        ("openai_key", "s" + "k-proj-c4N4ryopenA1b2C3d4E5f6G7h8", "c4N4ryopenA1b2C3d4E5f6G7h8"),
        ("memoir_key", "m" + "k_c4N4ryD4_e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0u1V2w3X4y5Z", "e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0u1V2w3X4y5Z"),
        ("jwt", "ey" + "JhbGciOiJIUzI1NiJ9.ey" + "JzdWIiOiJjYW5hcnkifQ.c4n4rySignatureOfMine", "c4n4rySignatureOfMine"),
        ("authorization", "Authorization: Bearer c4n4ryBearer0a1b2c3d", "c4n4ryBearer0a1b2c3d"),
        ("url_password", "postgres://jo:c4n4ryUrlWord@db.example.com/x", "c4n4ryUrlWord"),
        ("assigned_secret", $"my password is {Password}", Password),
        ("payment_card", $"card {Card}", Card),
        ("iban", $"account {Iban}", Iban),
        ("email", $"mail {Email}", Email),
        ("phone", $"call {Phone}", Phone),
    ];

    /// <summary>As JSON says it.</summary>
    public static string Quoted(string text) => JsonSerializer.Serialize(text);

    public static string PolicyOf(string secrets, string personal) => $$"""{"secrets":"{{secrets}}","personal_data":"{{personal}}"}""";
}
