using Memoir.Kit.Data;
using Memoir.Kit.Jobs;
using Memoir.Server.Embeddings;
using Memoir.Server.Embeddings.Stored;
using Memoir.Server.Recall.Indexes;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Memories.Embedding;

/// <summary>
/// One page of the pass that gives memories their vectors of a generation that is new to them. The page, how far the
/// pass has come and the job for the next page commit together, so it goes on where it was cut off.
/// </summary>
internal sealed class ReembedMemoriesJob(
    Database database, MemoryVectors vectors, RecallIndexes indexes, IOptions<JobOptions> options) : IJobHandler
{
    private const int Page = 64;

    // Memories that have their vector are passed over, but not all of a large store in one write.
    private const int LongestStep = 5000;

    // What a provider that is down, or limits us without saying for how long, is left alone.
    private static readonly TimeSpan Pause = TimeSpan.FromMinutes(1);

    public string Kind => TenantGenerations.ReembedJobKind;

    public async Task<JobEffect?> RunAsync(Job job, CancellationToken ct)
    {
        // Read, for the process that runs this is often not the one in which the generation was chosen.
        var inUse = await database.ReadAsync(job.Tenant, session => vectors.OfAsync(session), ct);
        if (inUse.Generation.Key != job.Payload || inUse.Current is not { } current || inUse.IsComplete)
        {
            return null; // Overtaken by another change, or done.
        }

        var upTo = Math.Min(current.EmbedUntil, current.EmbeddedTo + LongestStep);
        var memories = await database.ReadAsync(
            job.Tenant, session => MemoryStore.ListWithoutVectorAsync(session, job.Payload, current.EmbeddedTo, upTo, Page), ct);
        var batch = await vectors.AskAsync(inUse.Generation, [.. memories.Select(m => m.Content)], ct);
        if (batch.Stopped is { } failure && batch.Done.Count == 0)
        {
            throw await GiveUpAsync(job, current, memories, failure, ct);
        }

        var isWholeStep = memories.Count < Page && batch.Stopped is null;
        var to = isWholeStep ? upTo : memories[batch.Done.Count - 1].Sequence;
        return async session =>
        {
            await EmbeddedMemories.KeepAsync(session, memories, batch.Done, inUse.Generation, vectors, indexes);
            await AdvanceAsync(session, current, to);
        };
    }

    /// <summary>
    /// A provider that is down, or too busy, is waited for: nothing fails. One whose answers cannot be used gets its
    /// attempts; then this page is given up, visibly, and the pass goes on after it.
    /// </summary>
    private async Task<Exception> GiveUpAsync(
        Job job, GenerationRow current, IReadOnlyList<Memory> memories, EmbeddingException failure, CancellationToken ct)
    {
        if (failure.IsPermanent)
        {
            return failure.AsJobFailure(); // The key or the model is wrong: the next start or setting resumes.
        }

        if (failure.Error != EmbeddingError.InvalidAnswer)
        {
            return new PostponedJobException(failure.RetryAfter ?? Pause, failure.Message);
        }

        if (job.Attempts >= options.Value.JobMaxAttempts)
        {
            await database.WriteAsync(job.Tenant, async session =>
            {
                await EmbeddedMemories.FailAsync(session, memories, current.ToGeneration(), vectors);
                await AdvanceAsync(session, current, memories[^1].Sequence);
            }, ct);
        }

        return failure.AsJobFailure();
    }

    private async Task AdvanceAsync(Session session, GenerationRow current, long to)
    {
        if (await vectors.AdvanceAsync(session, current, to))
        {
            await MemoryStore.CompleteEmbeddedAsync(session, current.Generation, current.EmbeddedTo, to);
        }
    }
}
