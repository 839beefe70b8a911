using Memoir.Bench.Hosts;
using Memoir.Faults.Common;

namespace Memoir.Faults.Cycles;

/// <summary>What befalls the server once in each cycle.</summary>
internal interface IFault : IAsyncDisposable
{
    string DataFolder { get; }

    /// <summary>Whether the storage itself fails: then 503 leaves in doubt whether the write is kept.</summary>
    bool StorageMayFail => false;

    /// <summary>How many files and connections the server may have open; null for as many as this program.</summary>
    int? Handles => null;

    /// <summary>What the summary adds; empty when there is nothing to say.</summary>
    string Remarks => "";

    /// <summary>Once, before the first cycle.</summary>
    Task PrepareAsync(Api api, CancellationToken ct) => Task.CompletedTask;

    /// <summary>Strikes while the writers write; when it is back, the server is gone.</summary>
    Task StrikeAsync(Strike strike, CancellationToken ct);

    /// <summary>What lies between the end of the server and its next start.</summary>
    Task BeforeStartAsync(ServerUnderTest server, CancellationToken ct) => Task.CompletedTask;

    /// <summary>Once, after the last cycle: what the fault itself has stored must be there.</summary>
    Task VerifyAsync(Api api, CancellationToken ct) => Task.CompletedTask;
}

/// <summary>One server with its writers, on which a fault strikes.</summary>
internal sealed record Strike(int Cycle, ServerProcess Server, Api Api, Phase Phase, Task Writing);

/// <summary>What the writers of one cycle are allowed to meet, and what they met.</summary>
internal sealed class Phase
{
    private int _refusedAsFull;
    private int _acknowledged;

    /// <summary>Called at once when an acknowledgement has come.</summary>
    public Action? OnAcknowledged { get; set; }

    /// <summary>The disk is gone: from now on an answer proves nothing, for no client could build on it.</summary>
    public bool IsCut { get; set => Volatile.Write(ref field, value); }

    /// <summary>The process may end at any time: from now on a 5xx leaves the write in doubt, like no answer.</summary>
    public bool MayEnd { get; set => Volatile.Write(ref field, value); }

    /// <summary>503 leaves in doubt whether the write is kept, and ends its writer.</summary>
    public bool StorageMayFail { get; init; }

    public int RefusedAsFull => Volatile.Read(ref _refusedAsFull);

    public int Acknowledged => Volatile.Read(ref _acknowledged);

    /// <summary>Whether such an answer proves nothing and ends its writer.</summary>
    public bool LeavesInDoubt(int status) =>
        IsCut || (StorageMayFail && status == 503) || (MayEnd && status >= 500);

    public void Tell(ApiAnswer answer)
    {
        if (answer.IsSuccess)
        {
            OnAcknowledged?.Invoke();
            Interlocked.Increment(ref _acknowledged);
        }
        else if (answer.Status == 507)
        {
            Interlocked.Increment(ref _refusedAsFull);
        }
    }
}
