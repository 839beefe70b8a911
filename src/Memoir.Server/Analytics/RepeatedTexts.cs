using System.Buffers;
using System.Text;
using Memoir.Server.Recall.Text;

namespace Memoir.Server.Analytics;

/// <summary>Finds what was asked more than once. Pure, and the same whatever came before.</summary>
internal static class RepeatedTexts
{
    private const int LongestQuestion = 300;

    private static readonly SearchValues<char> Ends = SearchValues.Create(".!?\n\u3002\uff1f\u061f");

    /// <summary>Questions of users, the same when letters and digits are.</summary>
    public static IReadOnlyList<RepeatedText> Questions(IReadOnlyList<SampledText> newestFirst, int most) => Count(
        from row in newestFirst
        where row.Role is "user"
        let question = Question(row.Text)
        where question is not null
        select (Plain(question), question, row.At),
        leastTimes: 2,
        most);

    /// <summary>Searches, the same when the words that say something are, in whatever form and order.</summary>
    public static IReadOnlyList<RepeatedText> Searches(IReadOnlyList<AskedText> newestFirst, int leastTimes, int most) =>
        Count(newestFirst.Select(row => (Words(row.Text), row.Text, row.At)), leastTimes, most);

    /// <summary>The last sentence, when it asks.</summary>
    public static string? Question(string text)
    {
        var said = text.AsSpan().TrimEnd();
        if (said is not [.., '?' or '\uff1f' or '\u061f'])
        {
            return null;
        }

        var sentence = said[(said.TrimEnd("?!\uff1f\u061f").LastIndexOfAny(Ends) + 1)..].Trim();
        return sentence.Length <= LongestQuestion && Plain(sentence).Length > 0 ? sentence.ToString() : null;
    }

    /// <summary>Letters and digits in lower case; apostrophes vanish, all else is one blank.</summary>
    public static string Plain(ReadOnlySpan<char> text)
    {
        var plain = new StringBuilder(text.Length);
        var isGap = false;
        foreach (var c in text)
        {
            if (c is '\'' or '\u2019')
            {
                continue;
            }

            if (!char.IsLetterOrDigit(c) && !char.IsSurrogate(c))
            {
                isGap = plain.Length > 0;
                continue;
            }

            plain.Append(isGap ? " " : "").Append(char.ToLowerInvariant(c));
            isGap = false;
        }

        return plain.ToString();
    }

    private static string Words(string text)
    {
        var tokens = new TokenBuffer();
        Tokenizer.Read(text, tokens);
        var words = new SortedSet<ulong>();
        foreach (var term in tokens.Terms)
        {
            if (TermHash.IsContent(term))
            {
                words.Add(term);
            }
        }

        return words.Count > 0 ? string.Join(' ', words) : Plain(text);
    }

    private static IReadOnlyList<RepeatedText> Count(IEnumerable<(string Key, string Text, DateTimeOffset At)> asked, int leastTimes, int most) =>
    [
        .. asked.GroupBy(one => one.Key, StringComparer.Ordinal)
            .Select(same => new RepeatedText(same.First().Text, same.LongCount(), same.Max(one => one.At)))
            .Where(text => text.Times >= leastTimes)
            .OrderByDescending(text => text.Times).ThenByDescending(text => text.LastAt).ThenBy(text => text.Text, StringComparer.Ordinal)
            .Take(most),
    ];
}
