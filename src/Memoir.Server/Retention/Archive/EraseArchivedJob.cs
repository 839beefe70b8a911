using Memoir.Kit.Jobs;

namespace Memoir.Server.Retention.Archive;

/// <summary>Takes out of an archive file what was deleted or brought back: what a process that ended too early has left to do.</summary>
internal sealed class EraseArchivedJob(RetentionArchive archive) : IJobHandler
{
    public string Kind => RetentionArchive.EraseJobKind;

    public async Task<JobEffect?> RunAsync(Job job, CancellationToken ct)
    {
        try
        {
            await archive.EraseAsync(job.Tenant, job.Payload, ct);
            return null;
        }
        catch (InvalidDataException exception)
        {
            throw new JobFailedException($"The archive file {job.Payload} is damaged or cannot be read, so nothing can be taken out of it.", exception);
        }
        catch (IOException exception)
        {
            throw new JobFailedException($"The archive's folder refused to take anything out of the file {job.Payload}.", exception);
        }
    }
}
