using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Memoir.Kit.Http.Json;

namespace Memoir.Kit.Security;

/// <summary>
/// Checks tokens that another service signed by a secret that both know: compact JWS with HS256 (RFC 7515, 7519, 8725). The
/// secret decides the algorithm, never the token, and what is not understood is refused: headers that name keys or change how a
/// token is read, members that stand twice, base64 that is not canonical, bytes that are no UTF-8.
/// </summary>
public sealed class SignedTokens(IReadOnlyList<byte[]> secrets, TimeProvider time)
{
    /// <summary>Characters of the longest token that is looked at.</summary>
    public const int MaxLength = 8192;

    private const string Algorithm = "HS256";
    private const long LastSecond = 253_402_300_799; // 9999-12-31T23:59:59Z

    /// <summary>By how much the clocks of the two may differ.</summary>
    private const long SkewSeconds = 60;

    private static readonly SearchValues<char> Base64UrlAlphabet =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");

    private static readonly SearchValues<char> KeyIdAlphabet =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:");

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 8 };

    /// <summary>They would bring a key of the sender's choice, or have the token read in another way.</summary>
    private static readonly string[] RefusedHeaders = ["crit", "zip", "b64", "jku", "jwk", "x5u", "x5c"];

    private static readonly string[] AccessTypes = ["JWT", "at+jwt", "application/at+jwt"];

    /// <summary>Whether it has the form of a token, so that it is nothing else that was shown.</summary>
    public static bool IsToken(string shown) => shown.Count(c => c == '.') == 2;

    /// <returns>The token's claims, or null: every fault looks the same.</returns>
    public JsonElement? Check(string token) => Open(token) is { } claims ? Read(claims, ValidNow) : null;

    /// <summary>Whether it was signed by one of the secrets, though it may have expired: who has it was let in once and guesses nothing.</summary>
    public bool IsGenuine(string token) => Open(token) is not null;

    /// <returns>The bytes of the claims, whose signature is right.</returns>
    private byte[]? Open(string token)
    {
        if (token.Length > MaxLength || !IsToken(token))
        {
            return null;
        }

        var (first, last) = (token.IndexOf('.', StringComparison.Ordinal), token.LastIndexOf('.'));
        var (header, claims, signature) = (Decode(token.AsSpan(..first)), Decode(token.AsSpan((first + 1)..last)), Decode(token.AsSpan((last + 1)..)));
        return header is not null && claims is not null && signature is not null
            && Read(header, IsOurs) && IsSigned(token.AsSpan(..last), signature)
                ? claims
                : null;
    }

    /// <returns>The default where it is no JSON, or has text that cannot be read as a string.</returns>
    private static T? Read<T>(byte[] json, Func<JsonElement, T> read)
    {
        if (!StrictJson.IsKeepable(json))
        {
            return default;
        }

        try
        {
            using var document = JsonDocument.Parse(json, Strict);
            return read(document.RootElement);
        }
        catch (JsonException)
        {
            return default;
        }
    }

    private static bool IsOurs(JsonElement header) =>
        header.ValueKind is JsonValueKind.Object
        && Array.TrueForAll(RefusedHeaders, name => !header.TryGetProperty(name, out _))
        && Text(header, "alg") == Algorithm
        && (!header.TryGetProperty("typ", out _) || AccessTypes.Contains(Text(header, "typ"), StringComparer.OrdinalIgnoreCase))
        && (!header.TryGetProperty("kid", out _) || (Text(header, "kid") is { Length: > 0 and <= 128 } kid && !kid.AsSpan().ContainsAnyExcept(KeyIdAlphabet)));

    private bool IsSigned(ReadOnlySpan<char> signed, byte[] signature)
    {
        var bytes = new byte[signed.Length]; // Nothing but base64 and a dot.
        Encoding.ASCII.GetBytes(signed, bytes);
        var isSigned = false;
        Span<byte> expected = stackalloc byte[HMACSHA256.HashSizeInBytes];
        foreach (var secret in secrets)
        {
            HMACSHA256.HashData(secret, bytes, expected);
            isSigned |= CryptographicOperations.FixedTimeEquals(expected, signature);
        }

        return isSigned;
    }

    private JsonElement? ValidNow(JsonElement claims)
    {
        var now = time.GetUtcNow().ToUnixTimeSeconds();
        var isValid = claims.ValueKind is JsonValueKind.Object
            && Seconds(claims, "exp") is { } end && now < end + SkewSeconds
            && HasBegun(claims, "nbf", now)
            && HasBegun(claims, "iat", now);
        return isValid ? claims.Clone() : null;
    }

    private static bool HasBegun(JsonElement members, string name, long now) =>
        !members.TryGetProperty(name, out _) || (Seconds(members, name) is { } start && start <= now + SkewSeconds);

    /// <returns>A member that is a text; null for none and for any other.</returns>
    public static string? Text(JsonElement members, string name) =>
        members.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.String ? value.GetString() : null;

    /// <summary>A NumericDate: seconds since 1970, of which some issuers give parts.</summary>
    private static long? Seconds(JsonElement members, string name) =>
        members.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.Number
        && value.TryGetDouble(out var seconds) && seconds is >= 0 and <= LastSecond
            ? (long)seconds
            : null;

    /// <returns>Null for what is not the one spelling of some bytes.</returns>
    private static byte[]? Decode(ReadOnlySpan<char> text)
    {
        if (text.IsEmpty || text.ContainsAnyExcept(Base64UrlAlphabet) || text.Length % 4 == 1)
        {
            return null;
        }

        var bytes = new byte[Base64Url.GetMaxDecodedLength(text.Length)];
        if (Base64Url.DecodeFromChars(text, bytes, out var used, out var length) is not OperationStatus.Done || used != text.Length)
        {
            return null;
        }

        // Stray bits at the end are another spelling of the same bytes.
        return Base64Url.EncodeToString(bytes.AsSpan(..length)).AsSpan().SequenceEqual(text) ? bytes[..length] : null;
    }
}
