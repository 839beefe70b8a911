using Memoir.Server.Recall.Text;

namespace Memoir.Server.Analytics;

/// <summary>
/// The words, and pairs of words, that tell what texts are about: in several of them, in far from all, and none of those
/// that any conversation has. Forms of a word count as one. Pure, and the same whatever came before.
/// </summary>
internal static class Topics
{
    private const int LeastTexts = 2;
    private const int MostPairs = 200_000;

    /// <summary>A word that seldom stands without its neighbour is told with it alone.</summary>
    private const double Inseparable = 0.6;

    private static readonly HashSet<string>.AlternateLookup<ReadOnlySpan<char>> Common = CommonWords().GetAlternateLookup<ReadOnlySpan<char>>();

    public static IReadOnlyList<Topic> Of(IReadOnlyList<string> texts, int most)
    {
        var words = new Dictionary<ulong, Found>();
        var pairs = new Dictionary<(ulong First, ulong Second), Found>();
        var tokens = new TokenBuffer();
        for (var i = 0; i < texts.Count; i++)
        {
            Read(texts[i], tokens);
            for (var at = 0; at < tokens.Count; at++)
            {
                if (IsTelling(texts[i], tokens, at))
                {
                    Count(words, tokens.Terms[at], i, texts[i], tokens.Place(at));
                }
            }
        }

        for (var i = 0; i < texts.Count; i++)
        {
            Read(texts[i], tokens);
            for (var at = 0; at + 1 < tokens.Count; at++)
            {
                var (first, second) = (tokens.Terms[at], tokens.Terms[at + 1]);
                if (IsFrequent(first) && IsFrequent(second) && IsTelling(texts[i], tokens, at) && IsTelling(texts[i], tokens, at + 1)
                    && IsGap(texts[i].AsSpan()[tokens.Place(at).End..tokens.Place(at + 1).Start]) && (pairs.Count < MostPairs || pairs.ContainsKey((first, second))))
                {
                    Count(pairs, (first, second), i, texts[i], tokens.Place(at).Start..tokens.Place(at + 1).End);
                }
            }
        }

        foreach (var ((first, second), pair) in pairs.Where(pair => pair.Value.Texts >= LeastTexts))
        {
            foreach (var word in (ulong[])[first, second])
            {
                words[word].IsCovered |= pair.Texts >= Inseparable * words[word].Texts;
            }
        }

        // A pair is told for the word it stands for; one of two words that go their own ways says less than either.
        var told = words.Values.Where(word => !word.IsCovered).Concat(
            pairs.Where(pair => pair.Value.Texts >= Inseparable * Math.Min(words[pair.Key.First].Texts, words[pair.Key.Second].Texts)).Select(pair => pair.Value));
        return
        [
            .. told.Where(found => found.Texts >= LeastTexts)
                .OrderByDescending(found => found.Texts * Math.Log((texts.Count + 1.0) / found.Texts)).ThenBy(found => found.Text, StringComparer.Ordinal)
                .Select(found => new Topic(found.Text, found.Texts))
                .Take(most),
        ];

        bool IsFrequent(ulong term) => words.TryGetValue(term, out var word) && word.Texts >= LeastTexts;
    }

    private static void Read(string text, TokenBuffer tokens)
    {
        tokens.Clear();
        Tokenizer.Read(text, tokens);
    }

    private static bool IsTelling(string text, TokenBuffer tokens, int at)
    {
        var word = text.AsSpan()[tokens.Place(at)];
        if (!TermHash.IsContent(tokens.Terms[at]) || word.Length < (word[0] < 128 ? 3 : 2) || word.Length > 40)
        {
            return false;
        }

        Span<char> lower = stackalloc char[word.Length];
        word.ToLowerInvariant(lower);
        return !Common.Contains(lower) && lower.ContainsAnyExceptInRange('0', '9');
    }

    /// <summary>Nothing that ends a thought stands between the words of a pair.</summary>
    private static bool IsGap(ReadOnlySpan<char> between) => between is " " or "-";

    private static void Count<T>(Dictionary<T, Found> counts, T key, int text, string said, Range place)
        where T : notnull
    {
        if (!counts.TryGetValue(key, out var found))
        {
            counts[key] = found = new Found();
        }

        if (found.LastIn != text)
        {
            found.LastIn = text;
            found.Texts++;
        }

        // The shortest form stands for all of them, and of these the first in the alphabet.
        var form = said.AsSpan()[place];
        if (found.Text.Length == 0 || form.Length < found.Text.Length || (form.Length == found.Text.Length && form.CompareTo(found.Text, StringComparison.OrdinalIgnoreCase) < 0))
        {
            found.Text = form.ToString().ToLowerInvariant();
        }
    }

    /// <summary>What people say whatever they talk about; stop words are gone already.</summary>
    private static HashSet<string> CommonWords() =>
    [
        .. ("able about actually add afternoon ago ahead agree almost alone already alright always amazing answer anybody anymore anyone anything anyway ask asked "
        + "away awesome back bad based basically become best better big bit bring came cant care case cause certain certainly change check clear come comes coming common "
        + "cool correct could couple course day days deal definitely different difficult done down early easy either else end enjoy enough especially even evening every "
        + "everybody everyone everything exactly example excited expect fact far feel feeling feels felt few find fine first follow forget found full fun further gave get gets "
        + "getting give given gives giving glad goes going gone gonna good got gotta great guess guys half happen happened happy hard hear heard hello help helpful helps hey "
        + "high hope hour hours however huge idea imagine important include including indeed instead interested interesting keep keeps kind kinda knew know known knows large "
        + "last late lately later least left less let life like likely line list little long longer look looked looking looks lot lots love made main make makes making many "
        + "matter maybe mean means meant mention mentioned might mind minute minutes moment month months morning much near need needed needs never new next nice night nobody "
        + "none nothing number often okay old once one ones open others otherwise part past people perfect perhaps person place plan planning play please point possible "
        + "pretty probably problem provide put question questions quick quickly quite rather reach read ready real really reason remember remind right said saw say saying says second "
        + "see seem seems seen sense set several share short show side similar simple simply since small somebody someone something sometimes somewhere soon sorry sort "
        + "sound sounds special specific start started still stop stuff suggest super supposed sure take taken takes taking talk talking tell telling thank thanks thing "
        + "things think thinking third thought thoughts though three through time times today together told tomorrow tonight took top total totally touch toward tried true try "
        + "trying turn two type understand until update use used useful user using usual usually various wait want wanted wants watch way ways week weekend weeks welcome well went "
        + "whatever whole without wonder wonderful wondering word words work worked working works world worry worth wow write wrong yeah year years yep yes yesterday yet").Split(' '),
    ];

    private sealed class Found
    {
        public string Text { get; set; } = "";

        public long Texts { get; set; }

        public int LastIn { get; set; } = -1;

        public bool IsCovered { get; set; }
    }
}
