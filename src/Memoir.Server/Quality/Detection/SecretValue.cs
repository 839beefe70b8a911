using System.Buffers;

namespace Memoir.Server.Quality.Detection;

/// <summary>Whether what stands behind a word such as "password" looks like one.</summary>
internal static class SecretValue
{
    private static readonly SearchValues<char> Symbols = SearchValues.Create("!@#$%^&*+~=?§");

    /// <summary>What is said of passwords, and stands for them in forms and examples.</summary>
    private static readonly string[] Words =
    [
        "required", "optional", "string", "text", "password", "passwort", "passwd", "passphrase", "kennwort", "invalid", "missing", "wrong", "incorrect", "empty",
        "null", "none", "nil", "true", "false", "undefined", "secret", "token", "hidden", "redacted", "masked", "changeme", "field", "value", "input", "email",
        "username", "hash", "hashed", "plain", "plaintext", "encrypted", "unknown", "default", "example", "confirm", "current", "reset", "forgot", "expired",
        "object", "number", "boolean", "varchar", "bytes", "char", "weak", "strong", "changed", "new", "old", "here", "todo",
    ];

    /// <summary>Names of techniques and units that end with a number: <c>sha256</c>, <c>utf-8</c>, <c>int32</c>.</summary>
    private static readonly string[] Numbered =
    [
        "int", "uint", "i", "u", "float", "f", "varchar", "char", "nvarchar", "sha", "md", "base", "utf", "oauth", "argon", "pbkdf", "x", "rfc", "aes", "hs", "rs", "es",
        "ed", "rsa", "ecdsa", "tls", "ssl", "http", "ipv", "v", "html", "step", "line", "page", "section", "chapter", "version", "gpt", "level", "issue", "ticket",
    ];

    /// <summary>In quotes, or the whole of what a name was given.</summary>
    public static bool IsQuoted(ReadOnlySpan<char> value, SecretWord word)
    {
        if (value.Length < word.Least || value.Length > 4096 || IsNoSecret(value) || value.IndexOfAny('\r', '\n') >= 0)
        {
            return false;
        }

        if (value.Contains(' '))
        {
            return word.MayHaveSpaces && !value.EndsWith(".", StringComparison.Ordinal);
        }

        return word.IsChosen ? Letters.IsVaried(value, 2) : IsMade(value);
    }

    /// <param name="value">Without quotes.</param>
    /// <param name="word">What it is said to be.</param>
    /// <param name="isStated">In a sentence: "the password is …".</param>
    public static bool IsBare(ReadOnlySpan<char> value, SecretWord word, bool isStated)
    {
        if (value.Length < word.Least || IsNoSecret(value) || (!isStated && IsCode(value)))
        {
            return false;
        }

        if (!word.IsChosen)
        {
            return IsMade(value);
        }

        var (hasDigit, hasLetter) = (Letters.HasDigit(value), Letters.HasLetter(value));
        if (hasDigit)
        {
            return hasLetter || !value.ContainsAnyExceptInRange('0', '9') || (value.Length >= 6 && value.ContainsAny(Symbols));
        }

        var inner = isStated ? value : value.TrimEnd('!');
        return (hasLetter && inner.ContainsAny(Symbols)) || Letters.IsRandom(value);
    }

    /// <summary>As machines make keys: letters and digits mixed, or nothing that is a word.</summary>
    private static bool IsMade(ReadOnlySpan<char> value) =>
        (Letters.HasDigit(value) && Letters.HasLetter(value) && Letters.IsVaried(value, 4)) || Letters.IsRandom(value);

    private static bool IsNoSecret(ReadOnlySpan<char> value)
    {
        if (Placeholder.Is(value) || value.Contains("://", StringComparison.Ordinal) || value.StartsWith("-----", StringComparison.Ordinal)
            || value[0] is '/' or '@' || value.StartsWith("./", StringComparison.Ordinal) || value.StartsWith("~/", StringComparison.Ordinal))
        {
            return true; // Also where it is kept.
        }

        foreach (var one in Words)
        {
            if (value.Equals(one, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return IsNumbered(value);
    }

    /// <summary><c>tokens[0]</c>, <c>read(1)</c>, <c>user1.token</c>.</summary>
    private static bool IsCode(ReadOnlySpan<char> value)
    {
        var end = value.IndexOfAny('(', '[', '.');
        if (end <= 0 || !(char.IsLetter(value[0]) || value[0] == '_'))
        {
            return false;
        }

        foreach (var c in value[..end])
        {
            if (!Letters.IsWord(c))
            {
                return false;
            }
        }

        return value[end] != '.' || (end + 1 < value.Length && (char.IsLetter(value[end + 1]) || value[end + 1] == '_') && !value.ContainsAny(Symbols));
    }

    private static bool IsNumbered(ReadOnlySpan<char> value)
    {
        var digit = value.IndexOfAnyInRange('0', '9');
        if (digit <= 0)
        {
            return false;
        }

        var name = value[..digit].TrimEnd("-_");
        var rest = value[digit..].TrimStart("0123456789.");
        if (rest.Length > 2 && rest[0] != '-')
        {
            return false;
        }

        foreach (var one in Numbered)
        {
            if (name.Equals(one, StringComparison.OrdinalIgnoreCase))
            {
                return !Letters.HasDigit(rest);
            }
        }

        return false;
    }
}
