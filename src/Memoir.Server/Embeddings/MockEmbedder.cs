namespace Memoir.Server.Embeddings;

/// <summary>Tiny, predictable vectors for tests: texts with the same words are alike, and nothing else is meant.</summary>
internal sealed class MockEmbedder : IEmbedder
{
    public const string Model = "words-1";
    public const int Dimensions = 8;

    private static readonly char[] Separators = [' ', '\t', '\r', '\n', '.', ',', '!', '?', ';', ':'];

    public EmbeddingGeneration Generation { get; } = new(ProviderNames.Mock, Model, Dimensions);

    public bool IsLocal => true;

    public int BatchSize => int.MaxValue;

    public Task<IReadOnlyList<float[]>> EmbedAsync(IReadOnlyList<string> texts, EmbeddingPurpose purpose, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        IReadOnlyList<float[]> vectors = [.. texts.Select(Embed)];
        return Task.FromResult(vectors);
    }

    private static float[] Embed(string text)
    {
        var vector = new float[Dimensions];
        foreach (var word in text.ToLowerInvariant().Split(Separators, StringSplitOptions.RemoveEmptyEntries))
        {
            var hash = 2166136261u;
            foreach (var letter in word)
            {
                hash = (hash ^ letter) * 16777619;
            }

            vector[(hash >> 16) % Dimensions]++;
        }

        EmbeddingVector.TryNormalize(vector);
        return vector;
    }
}
