using Memoir.Kit.Jobs;

namespace Memoir.Server.Privacy.Erasure;

/// <summary>Goes on with erasures that were cut off, and has the files written anew when it is time.</summary>
internal sealed partial class ErasureUpkeep(
    ErasureRecords records, SubjectErasure subjects, TenantErasure tenants, ErasedFiles files, ILogger<ErasureUpkeep> logger) : IUpkeep
{
    public async Task RunAsync(CancellationToken ct)
    {
        await files.RewriteWhenDueAsync(ct);
        foreach (var erasure in await records.ListCutOffAsync(ct))
        {
            try
            {
                await (erasure.IsWholeTenant == 1 ? tenants.ContinueAsync(erasure, ct) : subjects.ResumeAsync(erasure, ct));
            }
            catch (Exception exception) when (!ct.IsCancellationRequested)
            {
                LogFailed(erasure.Id, exception); // The others have their turn.
            }
        }
    }

    [LoggerMessage(LogLevel.Error, "The erasure {Erasure} that was cut off could not go on; it is tried again in a minute.")]
    private partial void LogFailed(Guid erasure, Exception exception);
}
