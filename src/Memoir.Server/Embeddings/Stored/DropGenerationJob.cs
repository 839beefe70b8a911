using Memoir.Kit.Jobs;

namespace Memoir.Server.Embeddings.Stored;

/// <summary>Deletes the vectors of a generation that nobody can go back to, a portion per write.</summary>
internal sealed class DropGenerationJob(TenantGenerations generations) : IJobHandler
{
    public string Kind => TenantGenerations.DropJobKind;

    public Task<JobEffect?> RunAsync(Job job, CancellationToken ct) =>
        Task.FromResult<JobEffect?>(session => generations.DropPortionAsync(session, job.Payload));
}
