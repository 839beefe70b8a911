using Memoir.Server.Recall.Text;

namespace Memoir.Server.Quality.Doubts;

/// <summary>The runs of five words of a text, each as a number from which no word can be read back.</summary>
internal static class WordRuns
{
    private const int Length = 5;

    /// <param name="text">As it was said.</param>
    /// <param name="most">No more than so many runs, from the beginning.</param>
    /// <returns>How many words were read, and the runs, each once. Shorter texts have none.</returns>
    public static (int Words, uint[] Runs) Of(string text, int most)
    {
        Span<ulong> last = stackalloc ulong[Length];
        var runs = new HashSet<uint>();
        var (words, word, isWithin) = (0, TermHash.Seed, false);
        for (var i = 0; i <= text.Length && runs.Count < most; i++)
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
                    runs.Add(Run(last, words));
                }
            }

            (word, isWithin) = (TermHash.Seed, false);
        }

        return (words, [.. runs]);
    }

    private static uint Run(ReadOnlySpan<ulong> last, int words)
    {
        var run = TermHash.Seed;
        for (var i = 0; i < Length; i++)
        {
            var word = last[(words + i) % Length];
            run = TermHash.Step(TermHash.Step(run, (uint)word), (uint)(word >> 32));
        }

        return (uint)(run >> 32);
    }
}
