using System.Buffers;
using System.Buffers.Text;
using System.Text;

namespace Memoir.Server.Quality.Detection;

/// <summary>
/// What is said to be a secret: <c>password: …</c>, <c>API_KEY=…</c>, <c>"token": "…"</c>, <c>--password …</c>, "my password is …", and what
/// an Authorization header says. That a word of this kind stands there is not enough; what follows has to look like a secret too.
/// </summary>
internal static class StatedSecrets
{
    private const string Header = "authorization";
    private const int Longest = 1024;
    private const int LongestName = 32;
    private const int FarthestIs = 48;
    private const int LongestCredential = 4096;

    private static readonly SearchValues<char> ValueEnds = SearchValues.Create(" \t\r\n\"'`<>,\u00a0");
    private static readonly SearchValues<char> Credential = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=");

    /// <summary>The longer of two with the same beginning stands first.</summary>
    private static readonly SecretWord[] Words =
    [
        new("passphrase", 4) { MayHaveSpaces = true },
        new("password", 4),
        new("passwort", 4),
        new("passcode", 4),
        new("passwd", 4),
        new("_pass", 4),
        new("pwd", 4),
        new("kennwort", 4),
        new("wachtwoord", 4),
        new("contraseña", 4),
        new("mot de passe", 4),
        new("secret_access_key", 8),
        new("secretaccesskey", 8),
        new("secret_key", 8),
        new("secret-key", 8),
        new("secret key", 8),
        new("secretkey", 8),
        new("secret", 6),
        new("access_key", 8),
        new("access-key", 8),
        new("accesskey", 8),
        new("private_key", 8),
        new("api_key", 8),
        new("api-key", 8),
        new("api key", 8),
        new("apikey", 8),
        new("token", 8),
    ];

    private static readonly string[] Is = ["is", "was", "are", "ist", "war", "lautet", "est", "es", "é"];

    private static readonly string[] Fillers = ["now", "still", "just", "actually", "simply", "currently", "set", "to", "jetzt"];

    /// <summary>What may stand alone between the word and "is".</summary>
    private static readonly string[] Between = ["now", "still", "currently", "again", "actually", "here", "there", "today", "itself", "below", "above", "value", "code", "string", "phrase", "jetzt", "aktuell"];

    /// <summary>What says whose password it is; anything else behind the word makes another thing of it: a password manager.</summary>
    private static readonly string[] Leading =
    [
        "for", "of", "to", "at", "on", "in", "from", "i", "we", "you", "they", "that", "which", "für", "zu", "zum", "zur", "von", "vom", "bei", "beim", "im", "am",
        "pour", "de", "du", "des", "del", "para", "da", "do",
    ];

    /// <summary>The same of what people say of other things too: "the secret to …" and "the secret of …" go on as sayings do.</summary>
    private static readonly string[] LeadingOfSayings = ["for", "i", "we", "you", "für", "pour", "para"];

    private static readonly string[] Schemes = ["bearer", "basic", "token", "apikey", "key"];

    public static IReadOnlyList<string> Marks { get; } =
        [Header, "passw", "passphrase", "passcode", "_pass", "pwd", "kennwort", "wachtwoord", "contrase", "mot de passe", "secret", "access_key", "access-key", "accesskey", "private_key", "api_key", "api-key", "api key", "apikey", "token"];

    public static Finding? Match(string text, int at)
    {
        if (text.AsSpan(at).StartsWith(Header, StringComparison.OrdinalIgnoreCase))
        {
            return IsWithinWord(text, at) || Letters.IsWord(Letters.At(text, at + Header.Length)) ? null : Authorization(text, at + Header.Length);
        }

        foreach (var word in Words)
        {
            if (text.AsSpan(at).StartsWith(word.Text, StringComparison.OrdinalIgnoreCase))
            {
                return Follows(text, at, word);
            }
        }

        return null;
    }

    /// <summary>Whether a name makes a secret of the text that it was given.</summary>
    public static bool IsSecretOf(string name, string value, out SensitiveKind kind)
    {
        kind = SensitiveKind.AssignedSecret;
        var trimmed = name.AsSpan().TrimEnd("_-. 0123456789:");
        foreach (var word in Words)
        {
            var at = trimmed.Length - word.Text.Length;
            if (at >= 0 && trimmed.EndsWith(word.Text, StringComparison.OrdinalIgnoreCase) && BeginsWord(name, at, word))
            {
                kind = KindOf(word, value, 0, value.Length);
                return SecretValue.IsQuoted(value, word);
            }
        }

        return name.Equals(Header, StringComparison.OrdinalIgnoreCase) && Authorization($": {value}", 0) is not null;
    }

    private static Finding? Follows(string text, int at, SecretWord word)
    {
        var next = at + word.Text.Length;
        if (!BeginsWord(text, at, word) || Letters.IsWord(Letters.At(text, next)))
        {
            return null;
        }

        for (var skipped = 0; skipped < 4 && Letters.At(text, next) is '"' or '\'' or '`' or '\\' or ']' or '*'; skipped++)
        {
            next++;
        }

        var tight = next;
        next = Spaces(text, next);
        var isStated = false;
        if (Letters.At(text, next) is ':' or '=')
        {
            for (var skipped = 0; skipped < 3 && Letters.At(text, next) is ':' or '=' or '>'; skipped++)
            {
                next++;
            }
        }
        else if (Letters.At(text, tight) == '>')
        {
            next = tight + 1; // <password>…</password>
        }
        else if (next > tight && IsOption(text, at))
        {
            // --password …
        }
        else
        {
            next = next > tight ? BehindIs(text, next, word) : -1;
            isStated = true;
        }

        return next < 0 ? null : Value(text, next, word, isStated);
    }

    private static Finding? Value(string text, int at, SecretWord word, bool isStated)
    {
        for (at = Spaces(text, at); Letters.At(text, at) == '*'; at++)
        {
            // **Password:** …
        }

        at = Spaces(text, at);
        var isEscaped = Letters.At(text, at) == '\\' && Letters.At(text, at + 1) is '"' or '\'';
        at += isEscaped ? 1 : 0;
        if (Closing(Letters.At(text, at)) is { } closing)
        {
            var quoted = text.AsSpan(at + 1, Math.Min(Longest, text.Length - at - 1));
            var end = quoted.IndexOfAny(closing, '\n');
            var length = end < 0 || quoted[end] == '\n' ? -1 : isEscaped && end > 0 ? end - 1 : end;
            return length > 0 && SecretValue.IsQuoted(text.AsSpan(at + 1, length), word) && !(isStated && SecretValue.IsSaying(text.AsSpan(at + 1, length), word))
                ? new Finding(KindOf(word, text, at + 1, at + 1 + length), at + 1, length)
                : null;
        }

        var rest = text.AsSpan(at, Math.Min(Longest, text.Length - at));
        var stop = rest.IndexOfAny(ValueEnds);
        var value = stop < 0 ? rest : rest[..stop];
        value = isStated ? value : Alone(value);

        value = value.TrimEnd(isStated ? ".,;:!?)]}*\\" : ".,;:?)]}*\\");
        return SecretValue.IsBare(value, word, isStated)
            ? new Finding(KindOf(word, text, at, at + value.Length), at, Whole(text, at + value.Length, stop < 0 && rest.Length == Longest && value.Length == Longest) - at)
            : null;
    }

    /// <summary>Without what comes after it in a query, <c>&amp;name=…</c>, or in a connection's settings, <c>;name=…</c>.</summary>
    private static ReadOnlySpan<char> Alone(ReadOnlySpan<char> value)
    {
        var cut = value.IndexOfAny('&', ';');
        return cut > 0 && (value[cut] == ';' || value[cut..].Contains('=')) ? value[..cut] : value;
    }

    /// <summary>What is longer than was looked at is a secret to its end.</summary>
    private static int Whole(string text, int end, bool isCut)
    {
        if (!isCut)
        {
            return end;
        }

        var rest = text.AsSpan(end).IndexOfAny(ValueEnds);
        return rest < 0 ? text.Length : end + rest;
    }

    private static SensitiveKind KindOf(SecretWord word, string text, int start, int end) =>
        TokenForms.KindOf(text, start, end)
        ?? (end - start == 40 && word.Text.StartsWith("secret", StringComparison.Ordinal) && word.Text.Contains("access", StringComparison.Ordinal) ? SensitiveKind.AwsAccessKey : SensitiveKind.AssignedSecret);

    /// <summary>At the beginning of a word, or of a part of a name: <c>db_password</c>, <c>accessToken</c>.</summary>
    private static bool BeginsWord(string text, int at, SecretWord word) =>
        !IsWithinWord(text, at) || word.Text[0] == '_' || (word.IsChosen && word.Text.StartsWith("passw", StringComparison.Ordinal));

    private static bool IsWithinWord(string text, int at)
    {
        var before = Letters.Before(text, at);
        return char.IsLetterOrDigit(before) && !(char.IsLower(before) && char.IsUpper(text[at]));
    }

    private static bool IsOption(string text, int at)
    {
        var start = at;
        while (start > 0 && at - start < LongestName && (char.IsAsciiLetterOrDigit(text[start - 1]) || text[start - 1] is '-' or '_') && !Letters.IsBehindEscape(text, start))
        {
            start--;
        }

        return text.AsSpan(start).StartsWith("--", StringComparison.Ordinal) && !Letters.IsWord(Letters.Before(text, start));
    }

    /// <summary>Behind "is", which may have a few words before it: "my password for the shop is …".</summary>
    private static int BehindIs(string text, int at, SecretWord secret)
    {
        var end = Math.Min(text.Length, at + FarthestIs);
        var isLed = false;
        for (var next = at; next < end;)
        {
            var word = WordAt(text, next);
            if (word.Length == 0)
            {
                return -1; // A sentence ends, or something else begins.
            }

            next += word.Length;
            if (IsOneOf(word, Is))
            {
                next += Letters.At(text, next) == ':' ? 1 : 0;
                for (var filler = WordAt(text, Spaces(text, next)); IsOneOf(filler, Fillers); filler = WordAt(text, Spaces(text, next)))
                {
                    next = Spaces(text, next) + filler.Length;
                    next += Letters.At(text, next) == ':' ? 1 : 0;
                }

                return Letters.At(text, next) is ' ' or '\u00a0' ? next : -1;
            }

            isLed = isLed || IsOneOf(word, secret.IsSaying ? LeadingOfSayings : Leading);
            if (Letters.At(text, next) != ' ' || !(isLed || IsOneOf(word, Between)))
            {
                return -1;
            }

            next = Spaces(text, next);
        }

        return -1;
    }

    private static ReadOnlySpan<char> WordAt(string text, int at)
    {
        var end = at;
        while (end < text.Length && end - at < LongestName && (char.IsLetter(text[end]) || text[end] is '\'' or '-'))
        {
            end++;
        }

        return text.AsSpan(Math.Min(at, text.Length), Math.Max(0, end - at));
    }

    private static bool IsOneOf(ReadOnlySpan<char> word, string[] words)
    {
        foreach (var one in words)
        {
            if (word.Equals(one, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The credential of a header: its scheme stays.</summary>
    private static Finding? Authorization(string text, int at)
    {
        var behind = at;
        while (at - behind < 8 && Letters.At(text, at) is '"' or '\'' or '\\' or ':' or '=' or ' ' or '>' or ']' or ',')
        {
            at++;
        }

        if (at == behind)
        {
            return null; // A longer name.
        }

        var scheme = WordAt(text, at);
        var isNamed = IsOneOf(scheme, Schemes) && Letters.At(text, at + scheme.Length) == ' ';
        var start = isNamed ? Spaces(text, at + scheme.Length) : at;
        var length = start < text.Length ? Letters.Run(text, start, Credential, LongestCredential) : 0;
        var credential = text.AsSpan(Math.Min(start, text.Length), length).TrimEnd('.');
        if (credential.Length < (isNamed ? 8 : 20) || Placeholder.Is(credential) || !IsCredential(scheme, credential))
        {
            return null;
        }

        if (length == LongestCredential)
        {
            credential = text.AsSpan(start, Letters.Run(text, start, Credential, int.MaxValue)).TrimEnd('.'); // Nothing of it is looked at again.
        }

        return new Finding(TokenForms.KindOf(text, start, start + credential.Length) ?? SensitiveKind.Authorization, start, credential.Length);
    }

    private static bool IsCredential(ReadOnlySpan<char> scheme, ReadOnlySpan<char> credential)
    {
        if (Letters.HasDigit(credential) || Letters.IsRandom(credential))
        {
            return Letters.IsVaried(credential, 4);
        }

        if (!scheme.Equals("basic", StringComparison.OrdinalIgnoreCase) || !Base64.IsValid(credential))
        {
            return false;
        }

        Span<byte> said = new byte[Base64.GetMaxDecodedFromUtf8Length(credential.Length)];
        return Convert.TryFromBase64Chars(credential, said, out var written) && said[..written].Contains((byte)':') && Encoding.UTF8.GetCharCount(said[..written]) > 2;
    }

    private static int Spaces(string text, int at)
    {
        while (Letters.At(text, at) is ' ' or '\t' or '\u00a0' && at < text.Length)
        {
            at++;
        }

        return at;
    }

    private static char? Closing(char opening) => opening switch
    {
        '"' or '\'' or '`' => opening,
        '“' or '„' => '”',
        '‘' or '‚' => '’',
        '«' => '»',
        _ => null,
    };
}

/// <summary>A word behind which a secret is to be expected.</summary>
/// <param name="Text">In small letters.</param>
/// <param name="Least">How long what follows is at least; of 4 it may be chosen by people, of more it was made by machines.</param>
internal sealed record SecretWord(string Text, int Least)
{
    public bool MayHaveSpaces { get; init; }

    public bool IsChosen => Least == 4;

    /// <summary>People say it of other things too.</summary>
    public bool IsSaying => Text is "secret" or "token";
}
