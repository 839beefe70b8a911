using System.Text.Json;
using Memoir.Kit.Data;
using Memoir.Kit.Jobs;
using Memoir.Server.Embeddings;
using Memoir.Server.Embeddings.Vectors;
using Memoir.Server.Recall.Indexes;
using Microsoft.Extensions.Options;
using Memoir.Server.Embeddings.Stored;

namespace Memoir.Server.Memories;

/// <summary>Gives stored memories their vectors when the embedder is a service elsewhere.</summary>
internal sealed class EmbedMemoriesJob(
    Database database, MemoryVectors vectors, RecallIndexes indexes, IOptions<JobOptions> options) : IJobHandler
{
    public string Kind => MemoryVectors.JobKind;

    public async Task<JobEffect?> RunAsync(Job job, CancellationToken ct)
    {
        var ids = Read(job.Payload);
        var memories = await database.ReadAsync(job.Tenant, session => MemoryStore.ListByIdAsync(session, ids), ct);
        if (memories.Count == 0)
        {
            return null; // All were deleted before we came to them.
        }

        try
        {
            var found = await vectors.AskAsync([.. memories.Select(m => m.Content)], ct);
            return session => KeepAsync(session, memories, found);
        }
        catch (EmbeddingException exception) when (exception.IsPermanent || job.Attempts >= options.Value.JobMaxAttempts)
        {
            // The memories say that they have no vector; the job itself still fails below, visibly.
            await database.WriteAsync(job.Tenant, session => MarkFailedAsync(session, memories), ct);
            throw exception.IsPermanent
                ? new PermanentJobException(exception.Message, exception)
                : new JobFailedException(exception.Message, exception);
        }
        catch (EmbeddingException exception)
        {
            throw new JobFailedException(exception.Message, exception);
        }
    }

    private static Guid[] Read(string payload)
    {
        try
        {
            return JsonSerializer.Deserialize<Guid[]>(payload) ?? throw new PermanentJobException("The job names no memories.");
        }
        catch (JsonException exception)
        {
            throw new PermanentJobException("What the job is about cannot be read.", exception);
        }
    }

    private async Task KeepAsync(Session session, IReadOnlyList<Memory> memories, IReadOnlyList<float[]> found)
    {
        for (var i = 0; i < memories.Count; i++)
        {
            var memory = memories[i];
            var current = await MemoryStore.FindAsync(session, memory.Id);
            if (current is null || current.Content != memory.Content)
            {
                continue; // Forgotten or replaced meanwhile; a replacement has a job of its own.
            }

            if (EmbeddingVector.IsEmpty(found[i]))
            {
                await MemoryStore.SetEmbeddingStatusAsync(session, memory.Id, EmbeddingStatus.Skipped);
                continue;
            }

            var vector = VectorCodec.Encode(found[i]);
            await vectors.KeepAsync(session, memory.Sequence, vector);
            await MemoryStore.SetEmbeddingStatusAsync(session, memory.Id, EmbeddingStatus.Completed);
            indexes.SetVector(session, memory.Sequence, vector);
        }
    }

    private static async Task MarkFailedAsync(Session session, IReadOnlyList<Memory> memories)
    {
        foreach (var memory in memories)
        {
            await MemoryStore.SetEmbeddingStatusAsync(session, memory.Id, EmbeddingStatus.Failed);
        }
    }
}
