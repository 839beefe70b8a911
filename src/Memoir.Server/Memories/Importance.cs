namespace Memoir.Server.Memories;

/// <summary>
/// How much a memory matters, in [0,1]: an override when there is one, else up to 0.7 by who said it, up to 0.1 by what
/// its words look like, and up to 0.2 by how lately it was said. Only the last part ages, so it is added when read.
/// Pure, so that it can be argued about in tests. The spread of the words is kept small on purpose: three times as much
/// cost three points of recall@10 on long questions, whose matches are never clear.
/// </summary>
internal static class Importance
{
    public const double RecencyShare = 0.2;
    private const double RoleShare = 0.70;
    private const double SignalShare = 0.10;

    // What a longer text adds to its signals is nothing; reading it would only cost time.
    private const int LongestRead = 4000;

    /// <summary>The part that never changes.</summary>
    public static double Base(string? role, ReadOnlySpan<char> content) => (RoleShare * OfRole(role)) + (SignalShare * Signals(content));

    /// <summary>The importance at a moment.</summary>
    public static double At(double basePart, double? given, DateTimeOffset occurredAt, DateTimeOffset now, double halfLifeDays) =>
        given ?? Math.Clamp(basePart + (RecencyShare * Recency(occurredAt, now, halfLifeDays)), 0, 1);

    /// <summary>1 for now and for the future, one half after each half-life.</summary>
    public static double Recency(DateTimeOffset occurredAt, DateTimeOffset now, double halfLifeDays)
    {
        var days = (now - occurredAt).TotalDays;
        return days <= 0 ? 1 : Math.Pow(0.5, days / halfLifeDays);
    }

    /// <summary>
    /// What makes a sentence worth keeping: a request to remember it, a statement about oneself, names, numbers and
    /// dates. A bare question or a few words of politeness have none of these.
    /// </summary>
    public static double Signals(ReadOnlySpan<char> content)
    {
        var text = content.Length > LongestRead ? content[..LongestRead] : content;
        bool hasNumber = false, hasName = false, isPersonal = false, isRequest = false;
        var words = 0;
        var startsSentence = true;
        for (var at = 0; at < text.Length;)
        {
            if (!char.IsLetterOrDigit(text[at]))
            {
                startsSentence |= text[at] is '.' or '!' or '?' or '\n' or '"' or ':';
                at++;
                continue;
            }

            var end = at + 1;
            while (end < text.Length && (char.IsLetterOrDigit(text[end]) || text[end] is '\'' or '’'))
            {
                end++;
            }

            var word = text[at..end];
            words++;
            hasNumber |= char.IsDigit(word[0]);
            isPersonal |= IsFirstPerson(word);
            isRequest |= Is(word, "remember") || Is(word, "remind") || Is(word, "important") || Is(word, "forget");
            hasName |= !startsSentence && char.IsUpper(word[0]) && word.Length > 1 && !IsFirstPerson(word);
            startsSentence = false;
            at = end;
        }

        var weight = (hasNumber ? 0.2 : 0) + (hasName ? 0.05 : 0) + (isPersonal ? 0.25 : 0) + (isRequest ? 0.5 : 0);
        return Math.Min(1, weight) * Math.Min(1, words / 4.0);
    }

    private static double OfRole(string? role) => role switch
    {
        "user" or null => 1,
        "assistant" => 0.75,
        _ => 0.4,
    };

    private static bool IsFirstPerson(ReadOnlySpan<char> word) =>
        (word is ['I'] or ['I', '\'' or '’', ..]) || Is(word, "my") || Is(word, "me") || Is(word, "mine")
        || Is(word, "we") || Is(word, "our") || Is(word, "we're") || Is(word, "we've");

    private static bool Is(ReadOnlySpan<char> word, string other) => word.Equals(other, StringComparison.OrdinalIgnoreCase);
}
