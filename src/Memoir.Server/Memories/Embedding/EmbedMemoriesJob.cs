using System.Text.Json;
using Memoir.Kit.Data;
using Memoir.Kit.Jobs;
using Memoir.Server.Embeddings;
using Memoir.Server.Embeddings.Stored;
using Memoir.Server.Recall.Indexes;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Memories.Embedding;

/// <summary>Gives stored memories their vectors when the embedder is a service elsewhere.</summary>
internal sealed class EmbedMemoriesJob(
    Database database, MemoryVectors vectors, RecallIndexes indexes, IOptions<JobOptions> options) : IJobHandler
{
    public string Kind => MemoryVectors.JobKind;

    public async Task<JobEffect?> RunAsync(Job job, CancellationToken ct)
    {
        var ids = Read(job.Payload);
        var (inUse, found) = await database.ReadAsync(
            job.Tenant, async session => (await vectors.OfAsync(session), await MemoryStore.ListByIdAsync(session, ids)), ct);
        var memories = found.Where(memory => memory.ArchivedAt is null).ToList();
        if (memories.Count == 0 || inUse.AreComputed)
        {
            return null; // Deleted or archived before we came to them, or in no need of a stored vector any more.
        }

        var batch = await vectors.AskAsync(inUse.Generation, [.. memories.Select(m => m.Content)], ct);
        if (batch.Stopped is { } failure && batch.Done.Count == 0)
        {
            throw await GiveUpAsync(job, memories, inUse.Generation, failure, ct);
        }

        return async session =>
        {
            await EmbeddedMemories.KeepAsync(session, memories, batch.Done, inUse.Generation, vectors, indexes);
            await vectors.RequestAsync(session, [.. memories.Skip(batch.Done.Count).Select(m => m.Id)]);
        };
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

    /// <summary>What the job fails with; when it will not be run again, its memories say first that they have no vector.</summary>
    private async Task<Exception> GiveUpAsync(
        Job job, IReadOnlyList<Memory> memories, EmbeddingGeneration generation, EmbeddingException failure, CancellationToken ct)
    {
        if (failure.Wait is { } wait)
        {
            return new PostponedJobException(wait, failure.Message);
        }

        if (!failure.IsPermanent && job.Attempts < options.Value.JobMaxAttempts)
        {
            return failure.AsJobFailure();
        }

        await database.WriteAsync(job.Tenant, session => EmbeddedMemories.FailAsync(session, memories, generation, vectors), ct);
        return failure.AsJobFailure();
    }
}
