using Memoir.Kit.Telemetry;

namespace Memoir.Server.Embeddings;

/// <summary>
/// What came of embedding many texts: a beginning of them is done, each with its vector or refused, and where the rest
/// is missing, what stopped it. So one poisonous text costs only itself, and what was made is not made again.
/// </summary>
internal sealed class DocumentBatch
{
    // Refused as well, it proves that not the texts are at fault.
    private const string HarmlessText = "memory";

    private readonly List<float[]?> _vectors = [];

    private DocumentBatch()
    {
    }

    /// <summary>One per text that is done, in order; null where the provider refuses the text.</summary>
    public IReadOnlyList<float[]?> Done => _vectors;

    /// <summary>Why the texts after <see cref="Done"/> have nothing; null when all are done.</summary>
    public EmbeddingException? Stopped { get; private set; }

    public static async Task<DocumentBatch> EmbedAsync(IEmbedder embedder, Meters meters, IReadOnlyList<string> texts, CancellationToken ct)
    {
        var batch = new DocumentBatch();
        var isProven = false;
        var waiting = new Stack<(int Start, int Count)>();
        waiting.Push((0, texts.Count));
        while (waiting.TryPop(out var range))
        {
            var most = Math.Max(1, embedder.BatchSize);
            if (range.Count > most)
            {
                waiting.Push((range.Start + most, range.Count - most));
                range.Count = most;
            }

            if (range.Count == 0)
            {
                continue;
            }

            try
            {
                var part = texts.Skip(range.Start).Take(range.Count).ToList();
                batch._vectors.AddRange(await embedder.EmbedAsync(meters, part, EmbeddingPurpose.Document, ct));
            }
            catch (EmbeddingException refusal) when (refusal.IsOfTheTexts && range.Count > 1)
            {
                var half = range.Count / 2;
                waiting.Push((range.Start + half, range.Count - half));
                waiting.Push((range.Start, half));
            }
            catch (EmbeddingException refusal) when (refusal.IsOfTheTexts)
            {
                batch.Stopped = isProven ? null : await DoubtAsync(embedder, meters, ct);
                if (batch.Stopped is not null)
                {
                    return batch;
                }

                isProven = true;
                batch._vectors.Add(null);
            }
            catch (EmbeddingException failure)
            {
                batch.Stopped = failure;
                return batch;
            }
        }

        return batch;
    }

    /// <summary>Whether the provider refuses every text: then it is the request that it refuses.</summary>
    private static async Task<EmbeddingException?> DoubtAsync(IEmbedder embedder, Meters meters, CancellationToken ct)
    {
        try
        {
            await embedder.EmbedAsync(meters, [HarmlessText], EmbeddingPurpose.Document, ct);
            return null;
        }
        catch (EmbeddingException failure)
        {
            return failure;
        }
    }
}
