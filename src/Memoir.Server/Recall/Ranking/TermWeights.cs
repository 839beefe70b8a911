using Memoir.Server.Recall.Index;
using Memoir.Server.Recall.Search;
using Memoir.Server.Recall.Text;

namespace Memoir.Server.Recall.Ranking;

/// <summary>What each word of a question is worth in one tenant, and what a memory that matches all of them would reach.</summary>
internal sealed class TermWeights
{
    public List<ScoredTerm> Terms { get; } = [];

    /// <summary>The score of the words alone in a full match: nobody answers a long message with all of its words, so the weightiest count.</summary>
    public float Full { get; private set; }

    public bool IsLong { get; private set; }

    public bool AsksTime { get; private set; }

    public bool NamesSpeaker { get; private set; }

    public static TermWeights Of(RecallQuery query, in IndexView view, RankingOptions options)
    {
        var weights = new TermWeights { IsLong = options.IsLong(query.Terms.Count, query.IsPersonal), AsksTime = query.AsksTime };
        var words = query.Terms.Count;
        Span<float> idfs = words <= 512 ? stackalloc float[words] : new float[words];
        var known = new List<float>(words);
        for (var i = 0; i < words; i++)
        {
            var number = view.Find(query.Terms[i].Term);
            idfs[i] = Idf(number, view, options) * MathF.Sqrt(query.Terms[i].Count);
            if (number >= 0)
            {
                known.Add(idfs[i]);
            }
        }

        // Words that nobody ever said cost nothing and must not push out those that were; they still keep a match from being full.
        known.Sort();
        var cut = known.Count <= options.MaxQueryTerms ? 0f : known[^options.MaxQueryTerms];
        var best = new List<float>(words);
        for (var i = 0; i < words && weights.Terms.Count < 250; i++)
        {
            if (idfs[i] >= cut)
            {
                best.Add(weights.Add(query.Terms[i], i, idfs[i], view, options));
            }
        }

        best.Sort();
        for (var i = Math.Max(0, best.Count - options.FullTerms); i < best.Count; i++)
        {
            weights.Full += best[i];
        }

        return weights;
    }

    public static float Idf(int number, in IndexView view, RankingOptions options)
    {
        var idf = Bm25.Idf(view.LiveUnits, number < 0 ? 0 : view.Postings[number].Live);
        return options.IdfPower == 1f ? idf : MathF.Pow(idf, options.IdfPower);
    }

    /// <summary>Adds what a word may match and answers what its best match is worth.</summary>
    private float Add(QueryTerm word, int place, float weight, in IndexView view, RankingOptions options)
    {
        var number = view.Find(word.Term);
        if (view.Find(TermHash.AsCharacter(word.Term)) is >= 0 and var character)
        {
            // A single character of a script without spaces: it also stands in every longer run that holds it.
            number = character;
            weight = Idf(character, view, options) * MathF.Sqrt(word.Count);
        }

        // "Art" may be who is meant; "art" is probably what is meant.
        var isName = char.IsUpper(word.Word[0]);
        var speaker = options.SpeakerWeight > 0 ? view.Find(TermHash.AsSpeaker(word.Term)) : -1;
        var best = weight;
        if (speaker >= 0)
        {
            NamesSpeaker |= isName;
            weight *= isName ? options.MentionWeight : 1f;
            best = Idf(speaker, view, options) * options.SpeakerWeight * (isName ? 1f : 0.5f);
            Terms.Add(new ScoredTerm(speaker, best, place, TermField.Speaker));
        }

        if (number >= 0)
        {
            Terms.Add(new ScoredTerm(number, weight, place, TermField.Text));
        }

        var date = view.Find(TermHash.AsDate(word.Term));
        if (date >= 0 && options.DateWeight > 0)
        {
            Terms.Add(new ScoredTerm(date, Idf(date, view, options) * options.DateWeight, place, TermField.Date));
        }

        return best;
    }

    private static float Idf(ulong term, in IndexView view, RankingOptions options) => Idf(view.Find(term), view, options);
}
