using Memoir.Kit.Jobs;

namespace Memoir.Server.Privacy.Erasure;

/// <summary>Goes on with erasures that were cut off, and has the files written anew when it is time.</summary>
internal sealed class ErasureUpkeep(ErasureRecords records, SubjectErasure subjects, TenantErasure tenants, ErasedFiles files) : IUpkeep
{
    public async Task RunAsync(CancellationToken ct)
    {
        foreach (var erasure in await records.ListCutOffAsync(ct))
        {
            await (erasure.IsWholeTenant == 1 ? tenants.ContinueAsync(erasure, ct) : subjects.ResumeAsync(erasure, ct));
        }

        await files.RewriteWhenDueAsync(ct);
    }
}
