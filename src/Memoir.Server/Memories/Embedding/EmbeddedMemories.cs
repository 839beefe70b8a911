using Memoir.Kit.Data;
using Memoir.Server.Embeddings;
using Memoir.Server.Embeddings.Stored;
using Memoir.Server.Recall.Indexes;

namespace Memoir.Server.Memories.Embedding;

/// <summary>What is written once a provider has answered about memories.</summary>
internal static class EmbeddedMemories
{
    /// <summary>Keeps the vectors of the first memories, and says of those that are refused that they have none.</summary>
    /// <param name="session">The write.</param>
    /// <param name="memories">The memories as they were when the provider was asked.</param>
    /// <param name="done">What came of the first of them; null where one is refused.</param>
    /// <param name="generation">What the vectors are of.</param>
    /// <param name="vectors">Where they are kept.</param>
    /// <param name="indexes">Who searches in them.</param>
    public static async Task KeepAsync(
        Session session, IReadOnlyList<Memory> memories, IReadOnlyList<float[]?> done, EmbeddingGeneration generation, MemoryVectors vectors,
        RecallIndexes indexes)
    {
        var write = await indexes.BeginAsync(session);
        var inUse = await vectors.InAsync(session, write.Counters.GenerationChange);
        for (var i = 0; i < done.Count; i++)
        {
            var memory = memories[i];
            var current = await MemoryStore.FindAsync(session, memory.Id);
            if (current is null || current.ArchivedAt is not null || current.Content != memory.Content)
            {
                continue; // Forgotten, archived or replaced meanwhile; a replacement has a job of its own.
            }

            if (done[i] is not { } vector || EmbeddingVector.IsEmpty(vector))
            {
                var status = done[i] is null ? EmbeddingStatus.Failed : EmbeddingStatus.Skipped;
                await MemoryStore.SetEmbeddingStatusAsync(session, memory.Id, status);
                continue;
            }

            if (inUse.Generation.Key != generation.Key)
            {
                return; // Another generation is in use by now; its pass over the memories comes to these as well.
            }

            var kept = await MemoryVectors.KeepAsync(session, generation, memory.Sequence, vector, write.Counters.LastChange);
            await MemoryStore.SetEmbeddingStatusAsync(session, memory.Id, EmbeddingStatus.Completed);
            write.SetVector(memory.Sequence, kept);
        }
    }

    /// <summary>Says of memories that they will have no vector, as far as that is still so.</summary>
    /// <param name="session">The write.</param>
    /// <param name="memories">The memories as they were when the provider was asked.</param>
    /// <param name="generation">What it was asked for.</param>
    /// <param name="vectors">Where vectors are kept.</param>
    public static async Task FailAsync(Session session, IReadOnlyList<Memory> memories, EmbeddingGeneration generation, MemoryVectors vectors)
    {
        var inUse = await vectors.InAsync(session);
        if (inUse.Generation.Key != generation.Key)
        {
            return; // The pass of the generation that is in use by now says what became of them.
        }

        foreach (var memory in memories)
        {
            var current = await MemoryStore.FindAsync(session, memory.Id);
            if (current?.Content != memory.Content || current.ArchivedAt is not null || (await MemoryVectors.FindAsync(session, generation, memory.Sequence)).Length > 0)
            {
                continue; // Forgotten, archived, replaced, or another job had better luck.
            }

            await MemoryStore.SetEmbeddingStatusAsync(session, memory.Id, EmbeddingStatus.Failed);
        }
    }
}
