using System.Buffers;
using System.Buffers.Text;
using System.Text.Json;

namespace Memoir.Server.Quality.Detection;

/// <summary>Keys and tokens that their makers gave a beginning by which they are known.</summary>
internal static class TokenForms
{
    private const int Most = 512;
    private const string JwtMark = "eyJ";

    private static readonly SearchValues<char> Capitals = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
    private static readonly SearchValues<char> WithUnderscore = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
    private static readonly SearchValues<char> WithSlash = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/");
    private static readonly SearchValues<char> WithDot = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.");

    private static readonly Form[] Forms =
    [
        new("AKIA", SensitiveKind.AwsAccessKey, Capitals, 16, 16),
        new("ASIA", SensitiveKind.AwsAccessKey, Capitals, 16, 16),
        .. Of(["ghp_", "gho_", "ghs_", "ghu_", "ghr_"], SensitiveKind.GithubToken, Letters.Alphanumeric, 30),
        new("github_pat_", SensitiveKind.GithubToken, WithUnderscore, 22, Most),
        .. Of(["glpat-", "gldt-", "glrt-", "glptt-", "glcbt-"], SensitiveKind.GitlabToken, WithDot, 20),
        .. Of(["xoxb-", "xoxp-", "xoxa-", "xoxo-", "xoxs-", "xoxr-", "xoxe-", "xapp-"], SensitiveKind.SlackToken, Letters.Base64Url, 10),
        new("hooks.slack.com/services/", SensitiveKind.SlackToken, WithSlash, 20, Most),
        new("AIza", SensitiveKind.GoogleApiKey, Letters.Base64Url, 35, 35),
        .. Of(["sk_live_", "rk_live_", "sk_test_", "rk_test_"], SensitiveKind.StripeKey, Letters.Alphanumeric, 16),
        new("sk-ant-", SensitiveKind.AnthropicKey, Letters.Base64Url, 20, Most),
        new("sk-", SensitiveKind.OpenaiKey, Letters.Base64Url, 20, Most),
        new("mk_", SensitiveKind.MemoirKey, Letters.Base64Url, 52, 52),
    ];

    public static IReadOnlyList<string> Marks { get; } =
    [
        JwtMark, "AKIA", "ASIA", "ghp_", "gho_", "ghs_", "ghu_", "ghr_", "github_pat_", "glpat-", "gldt-", "glrt-", "glptt-", "glcbt-",
        "xox", "xapp-", "hooks.slack.com", "AIza", "k_live_", "k_test_", "sk-", "mk_",
    ];

    public static Finding? Match(string text, int at)
    {
        if (text[at] is 'k' && at > 0 && text[at - 1] is 's' or 'r')
        {
            at--; // The two beginnings of one maker share a mark.
        }

        return Match(text, at, text.Length);
    }

    /// <summary>The kind of a whole text that is a token.</summary>
    public static SensitiveKind? KindOf(string text, int start, int end) =>
        Match(text, start, end) is { } finding && finding.End == end ? finding.Kind : null;

    private static Finding? Match(string text, int at, int limit)
    {
        if (Letters.IsWord(Letters.Before(text, at)))
        {
            return null;
        }

        if (text.AsSpan(at).StartsWith(JwtMark, StringComparison.Ordinal))
        {
            return Jwt(text, at, limit);
        }

        foreach (var form in Forms)
        {
            if (text.AsSpan(at).StartsWith(form.Beginning, StringComparison.Ordinal))
            {
                var start = at + form.Beginning.Length;
                var length = Math.Min(limit - start, Letters.Run(text, start, form.Letters, form.Most + 1));
                if (length >= form.Least && length <= form.Most && IsKey(form, text, at, text.AsSpan(start, length)))
                {
                    return new Finding(form.Kind, at, form.Beginning.Length + length);
                }
            }
        }

        return null;
    }

    private static bool IsKey(Form form, string text, int at, ReadOnlySpan<char> key) => form.Kind switch
    {
        SensitiveKind.AwsAccessKey => Letters.IsVaried(key, 6),
        SensitiveKind.MemoirKey => key[8] == '_' && Letters.IsVaried(key, 12),
        SensitiveKind.OpenaiKey or SensitiveKind.AnthropicKey => Letters.Before(text, at) != '-' && HasUnbroken(key),
        _ => Letters.HasDigit(key) && Letters.IsVaried(key, 6),
    };

    /// <summary>A piece that is no word of a name with hyphens.</summary>
    private static bool HasUnbroken(ReadOnlySpan<char> key)
    {
        foreach (var part in key.SplitAny('-', '_'))
        {
            var piece = key[part];
            if (piece.Length >= 16 && Letters.IsVaried(piece, 6) && (Letters.HasDigit(piece) || Letters.IsRandom(piece)))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Three parts or five, of which the first says how it is signed.</summary>
    private static Finding? Jwt(string text, int at, int limit)
    {
        if (Letters.Before(text, at) is '-' or '.')
        {
            return null; // Within a run that was looked at from its beginning.
        }

        var run = text.AsSpan(at, Letters.Run(text, at, WithDot, limit - at)).TrimEnd('.');
        var first = run.IndexOf('.');
        return first > 0 && run.Count('.') >= 2 && run.Length - run.LastIndexOf('.') > 8 && SaysAlgorithm(run[..first])
            ? new Finding(SensitiveKind.Jwt, at, run.Length)
            : null;
    }

    private static bool SaysAlgorithm(ReadOnlySpan<char> part)
    {
        var bytes = new byte[Base64Url.GetMaxDecodedLength(part.Length)];
        if (!Base64Url.TryDecodeFromChars(part, bytes, out var written))
        {
            return false;
        }

        try
        {
            using var header = JsonDocument.Parse(bytes.AsMemory(0, written));
            return header.RootElement.ValueKind is JsonValueKind.Object && header.RootElement.TryGetProperty("alg", out _);
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static IEnumerable<Form> Of(string[] beginnings, SensitiveKind kind, SearchValues<char> letters, int least) =>
        beginnings.Select(beginning => new Form(beginning, kind, letters, least, Most));

    /// <param name="Beginning">By which it is known.</param>
    /// <param name="Kind">What it is.</param>
    /// <param name="Letters">Of which the rest is made.</param>
    /// <param name="Least">How many of them there are at least.</param>
    /// <param name="Most">And at most.</param>
    private sealed record Form(string Beginning, SensitiveKind Kind, SearchValues<char> Letters, int Least, int Most);
}
