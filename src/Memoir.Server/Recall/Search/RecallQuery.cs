using Memoir.Server.Recall.Text;

namespace Memoir.Server.Recall.Search;

/// <summary>A question reduced to terms. Its text is data only: no character of it is an operator.</summary>
internal sealed class RecallQuery
{
    [ThreadStatic]
    private static TokenBuffer? _buffer;

    private static readonly HashSet<ulong> Speaking =
        [.. "i me my mine we us our ours im ive ill id weve lets".Split(' ').Select(word => Tokenizer.Reduce(word))];

    private RecallQuery(string text, QueryTerm[] terms, bool isPersonal, bool asksTime)
    {
        IsPersonal = isPersonal;
        AsksTime = asksTime;
        Text = text;
        Terms = terms;
    }

    public string Text { get; }

    /// <summary>Whether the asker speaks of himself, as people do in the middle of a conversation.</summary>
    public bool IsPersonal { get; }

    /// <summary>Whether the question is about when something was.</summary>
    public bool AsksTime { get; }

    /// <summary>Distinct words in the order of their first occurrence; stop words only when there is nothing else.</summary>
    public IReadOnlyList<QueryTerm> Terms { get; }

    public static RecallQuery Parse(string text)
    {
        var tokens = _buffer ??= new TokenBuffer();
        tokens.Clear();
        Tokenizer.Read(text, tokens);
        var onlyStopWords = true;
        var isPersonal = false;
        var asksTime = false;
        foreach (var term in tokens.Terms)
        {
            onlyStopWords &= !TermHash.IsContent(term);
            asksTime |= CalendarTerms.AsksTime(term);
            isPersonal |= Speaking.Contains(term);
        }

        var places = new Dictionary<ulong, int>();
        var terms = new List<QueryTerm>();
        for (var i = 0; i < tokens.Count; i++)
        {
            var term = tokens.Terms[i];
            if (!onlyStopWords && !TermHash.IsContent(term))
            {
                continue;
            }

            if (places.TryGetValue(term, out var place))
            {
                terms[place] = terms[place] with { Count = terms[place].Count + 1 };
            }
            else
            {
                places.Add(term, terms.Count);
                terms.Add(new QueryTerm(term, text[tokens.Place(i)], 1));
            }
        }

        return new RecallQuery(text, [.. terms], isPersonal, asksTime);
    }
}
