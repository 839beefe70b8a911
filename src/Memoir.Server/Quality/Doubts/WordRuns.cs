using Memoir.Server.Recall.Text;

namespace Memoir.Server.Quality.Doubts;

/// <summary>A sentence as its runs of five words, or of all its words where it has fewer: numbers from which no word can be read back.</summary>
/// <param name="Words">How many words it has.</param>
/// <param name="Runs">In their order.</param>
internal readonly record struct WordRuns(int Words, IReadOnlyList<uint> Runs)
{
    private const int Length = 5;

    /// <param name="text">As it was said.</param>
    /// <param name="most">About so many runs, from the beginning.</param>
    public static List<WordRuns> Of(string text, int most)
    {
        var sentences = new List<WordRuns>();
        Span<ulong> last = stackalloc ulong[Length];
        var runs = new List<uint>();
        var (words, word, isWithin, all) = (0, TermHash.Seed, false, 0);
        for (var i = 0; i <= text.Length && all < most; i++)
        {
            var c = i < text.Length ? CharacterFolding.Fold(text[i]) : '\0';
            if (c == CharacterFolding.Dropped)
            {
                continue;
            }

            if (c != '\0')
            {
                word = TermHash.Step(word, c);
                isWithin = true;
                if (!CharacterFolding.IsUnspaced(c))
                {
                    continue;
                }
            }

            if (isWithin)
            {
                last[words++ % Length] = word;
                if (words >= Length)
                {
                    runs.Add(Run(last, words, Length));
                    all++;
                }
            }

            (word, isWithin) = (TermHash.Seed, false);
            if (words > 0 && (i == text.Length || IsEnd(text, i)))
            {
                if (words < Length)
                {
                    runs.Add(Run(last, words, words));
                    all++;
                }

                sentences.Add(new WordRuns(words, runs));
                (words, runs) = (0, []);
            }
        }

        if (words > 0)
        {
            sentences.Add(new WordRuns(words, runs));
        }

        return sentences;
    }

    private static bool IsEnd(string text, int at) =>
        text[at] is '\n' or '\r' or '\u3002' || (text[at] is '.' or '!' or '?' or ';' or ':' && (at + 1 == text.Length || char.IsWhiteSpace(text[at + 1])));

    private static uint Run(ReadOnlySpan<ulong> last, int words, int length)
    {
        var run = TermHash.Seed ^ (ulong)length;
        for (var i = words - length; i < words; i++)
        {
            var word = last[i % Length];
            run = TermHash.Step(TermHash.Step(run, (uint)word), (uint)(word >> 32));
        }

        return (uint)(run >> 32);
    }
}
