namespace Memoir.Bench.Corpus;

/// <summary>20,000 made-up words whose frequencies follow Zipf's law, as in natural text; the same for every run.</summary>
internal sealed class Vocabulary
{
    private const int Size = 20_000;
    private static readonly string[] Onsets = ["b", "br", "d", "f", "g", "gr", "k", "l", "m", "n", "p", "r", "s", "st", "t", "tr", "v", "z"];
    private static readonly string[] Nuclei = ["a", "e", "i", "o", "u", "ai", "ea", "ou"];
    private static readonly string[] Codas = ["", "", "l", "m", "n", "r", "s", "t"];

    private readonly string[] _words = new string[Size];
    private readonly double[] _cumulative = new double[Size];

    public Vocabulary()
    {
        var random = new Random(20_000);
        var taken = new HashSet<string>(StringComparer.Ordinal);
        var total = 0.0;
        for (var rank = 0; rank < Size; rank++)
        {
            string word;
            do
            {
                // Frequent words are short, rare ones long.
                var syllables = rank < 300 ? 1 : rank < 5_000 ? 2 : 3;
                word = string.Concat(Enumerable.Range(0, syllables).Select(_ => Pick(Onsets) + Pick(Nuclei) + Pick(Codas)));
            }
            while (!taken.Add(word));

            _words[rank] = word;
            _cumulative[rank] = total += 1.0 / (rank + 1);
        }

        string Pick(string[] parts) => parts[random.Next(parts.Length)];
    }

    public string Next(Random random)
    {
        var index = Array.BinarySearch(_cumulative, random.NextDouble() * _cumulative[^1]);
        return _words[index < 0 ? Math.Min(~index, Size - 1) : index];
    }

    public string Text(Random random, int fewest, int most) =>
        string.Join(' ', Enumerable.Range(0, random.Next(fewest, most + 1)).Select(_ => Next(random)));
}
