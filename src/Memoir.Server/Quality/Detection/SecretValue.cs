using System.Buffers;

namespace Memoir.Server.Quality.Detection;

/// <summary>Whether what stands behind a word such as "password" looks like one.</summary>
internal static class SecretValue
{
    /// <summary>Of which <c>2024-01-15T10:00:00Z</c> is made.</summary>
    private static readonly SearchValues<char> OfMoments = SearchValues.Create("0123456789-+:.TZ");

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

    /// <summary>What is counted: <c>90-day</c>, <c>256-bit</c>.</summary>
    private static readonly string[] Units =
    [
        "bit", "bits", "byte", "bytes", "char", "chars", "character", "characters", "digit", "digits", "letter", "letters", "word", "words", "second", "seconds",
        "minute", "minutes", "hour", "hours", "day", "days", "week", "weeks", "month", "months", "year", "years", "factor", "step", "steps", "part", "way", "time",
        "times", "page", "dated", "era", "style", "old", "long", "based",
    ];

    /// <summary>What ends a word that tells of a quality: <c>2FA-only</c>.</summary>
    private static readonly string[] Qualities =
        ["only", "based", "compliant", "compatible", "style", "like", "free", "long", "old", "wide", "specific", "sensitive", "safe", "ready", "grade"];

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
        if (value.Length < LeastOf(word, isStated) || IsNoSecret(value) || IsMeasure(value, isStated) || (isStated ? IsSaying(value, word) : IsCode(value) || (!word.IsChosen && IsName(value))))
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

    /// <summary>What a sentence goes on with behind "the secret is" or "my password is" and is none: <c>5-minute</c>, <c>2FA-protected</c>.</summary>
    public static bool IsSaying(ReadOnlySpan<char> value, SecretWord word)
    {
        var quality = value[(value.LastIndexOf('-') + 1)..];
        return IsMeasure(value, isStated: true)
            || (quality.Length < value.Length && AreSmall(quality) && ((quality.Length > 3 && quality.EndsWith("ed", StringComparison.Ordinal)) || IsOneOf(quality, Qualities)))
            || (!word.IsChosen && ArePlain(value, "-_./", mostDigits: 4));
    }

    private static int LeastOf(SecretWord word, bool isStated) => isStated && word.IsSaying ? 12 : word.Least;

    /// <summary><c>90-day</c>; in a sentence also <c>7-spice</c>, which may be anything.</summary>
    private static bool IsMeasure(ReadOnlySpan<char> value, bool isStated)
    {
        var digits = value.IndexOfAnyExceptInRange('0', '9');
        var dash = value.IndexOf('-');
        if (digits is < 1 or > 4 || dash < digits || dash - digits > 2 || !(dash == digits || AreSmall(value[digits..dash])))
        {
            return false;
        }

        var rest = value[(dash + 1)..];
        var end = rest.IndexOf('-');
        return AreSmall(end < 0 ? rest : rest[..end]) && ((isStated && digits < 3) || IsOneOf(end < 0 ? rest : rest[..end], Units));
    }

    /// <summary>Of a variable: <c>user_token_2</c>, <c>userToken2</c>.</summary>
    private static bool IsName(ReadOnlySpan<char> value)
    {
        var name = value.TrimEnd("0123456789");
        var isCounted = value.Length - name.Length < 3 && !name.ContainsAnyExcept(Letters.Alphabet);
        return ArePlain(value, "_", mostDigits: 2)
            || (isCounted && (name.EndsWith("token", StringComparison.OrdinalIgnoreCase) || name.EndsWith("secret", StringComparison.OrdinalIgnoreCase) || name.EndsWith("key", StringComparison.OrdinalIgnoreCase)));
    }

    /// <summary>Words and numbers with one of these characters between them, of which one is a word beyond doubt.</summary>
    private static bool ArePlain(ReadOnlySpan<char> value, ReadOnlySpan<char> between, int mostDigits)
    {
        var (isWord, count) = (false, 0);
        foreach (var range in value.SplitAny(between))
        {
            var part = value[range];
            if (!IsPlain(part, mostDigits))
            {
                return false;
            }

            isWord |= part.Length > 3 && !part.ContainsAnyExcept(Letters.Alphabet);
            count++;
        }

        return isWord && count > 1;
    }

    /// <summary><c>word</c>, <c>server2</c>, <c>1155</c> or <c>90s</c>; not <c>a1B2</c>.</summary>
    private static bool IsPlain(ReadOnlySpan<char> part, int mostDigits)
    {
        var end = part.IndexOfAnyExcept(Letters.Alphabet);
        var word = end < 0 ? part : part[..end];
        var number = part.TrimStart("0123456789");
        return word.Length > 0
            ? part.Length - word.Length <= mostDigits && !part[word.Length..].ContainsAnyExceptInRange('0', '9') && (word.Length > 1 || word.Length == part.Length) && !IsMixed(word)
            : part.Length > number.Length && part.Length - number.Length <= mostDigits && number.Length < 3 && !number.ContainsAnyExcept(Letters.Alphabet);
    }

    /// <summary>With capital letters behind small ones, more than once.</summary>
    private static bool IsMixed(ReadOnlySpan<char> word)
    {
        var changes = 0;
        for (var i = 1; i < word.Length; i++)
        {
            changes += char.IsUpper(word[i]) && char.IsLower(word[i - 1]) ? 1 : 0;
        }

        return changes > 1;
    }

    private static bool AreSmall(ReadOnlySpan<char> value) => value.Length > 0 && !value.ContainsAnyExceptInRange('a', 'z');

    /// <summary><c>ERC-1155</c>, and what else is numbered so.</summary>
    private static bool IsStandard(ReadOnlySpan<char> value)
    {
        var dash = value.IndexOf('-');
        return dash is >= 2 and <= 6 && value.Length - dash is >= 2 and <= 6
            && !value[..dash].ContainsAnyExceptInRange('A', 'Z') && !value[(dash + 1)..].ContainsAnyExceptInRange('0', '9');
    }

    private static bool IsOneOf(ReadOnlySpan<char> value, string[] words)
    {
        foreach (var one in words)
        {
            if (value.Equals(one, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>As machines make keys: letters and digits mixed, or nothing that is a word.</summary>
    private static bool IsMade(ReadOnlySpan<char> value) => value.ContainsAnyExcept(OfMoments) && !IsStandard(value) &&
        ((Letters.HasDigit(value) && Letters.HasLetter(value) && Letters.IsVaried(value, 4)) || Letters.IsRandom(value));

    private static bool IsNoSecret(ReadOnlySpan<char> value)
    {
        if (Placeholder.Is(value) || value.Contains("://", StringComparison.Ordinal) || value.StartsWith("-----", StringComparison.Ordinal)
            || value[0] is '/' or '@' || IsWindowsPath(value) || value.StartsWith("./", StringComparison.Ordinal) || value.StartsWith("~/", StringComparison.Ordinal))
        {
            return true; // Also where it is kept.
        }

        return IsOneOf(value, Words) || IsNumbered(value);
    }

    /// <summary><c>C:\Users</c>, <c>\\server\share</c>.</summary>
    private static bool IsWindowsPath(ReadOnlySpan<char> value) => value.Length > 2 &&
        ((char.IsAsciiLetter(value[0]) && value[1] == ':' && value[2] is '\\' or '/') || (value is ['\\', '\\', ..] && value[2..].Contains('\\')));

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

        return IsOneOf(name, Numbered) && !Letters.HasDigit(rest);
    }
}
