using Memoir.Kit.Telemetry.Tracing;

namespace Memoir.Kit.Data;

/// <summary>A write closure on its way: it waits, runs, maybe runs again, and is answered after the commit.</summary>
internal abstract class PendingWrite(Tenant? tenant, CancellationToken ct)
{
    private Session? _session;

    public Tenant? Tenant => tenant;

    /// <summary>Null when nobody traces the caller.</summary>
    public WriteSpans? Spans { get; } = WriteSpans.Begin();

    public bool IsRefused => Refusal is not null;

    protected Exception? Refusal { get; private set; }

    /// <summary>False when the caller gave up before its closure ran; after that its cancellation is ignored.</summary>
    public bool TryStart()
    {
        if (IsAbandoned())
        {
            return false;
        }

        Spans?.Started();
        return true;
    }

    /// <summary>True, and answered, when the caller gave up: what was not kept is then not begun again.</summary>
    public bool IsAbandoned()
    {
        if (!ct.IsCancellationRequested)
        {
            return false;
        }

        Fail(new OperationCanceledException(ct));
        return true;
    }

    /// <summary>Runs the closure from its beginning.</summary>
    public Task Run(Session session)
    {
        Refusal = null;
        _session = session;
        return RunWork(session);
    }

    /// <summary>The closure alone failed: it is answered with the others, so that order is kept.</summary>
    public void Refuse(Exception exception)
    {
        Refusal = exception;
        _session = null;
    }

    public void RunAfterCommit()
    {
        foreach (var action in _session?.Commits ?? [])
        {
            try
            {
                action();
            }
            catch (Exception exception)
            {
                // The write is kept, but its caller is told of the bug; the others have nothing to do with it.
                Refusal = exception;
            }
        }
    }

    /// <summary>Tells all callers of a group, in commit order, after everything that was to run after the commit.</summary>
    public static void AnswerAll(IReadOnlyList<PendingWrite> group)
    {
        foreach (var write in group)
        {
            write.RunAfterCommit();
        }

        foreach (var write in group)
        {
            write.Spans?.Answered(write.IsRefused);
            write.Complete();
        }
    }

    public abstract void Complete();

    public abstract void Fail(Exception exception);

    protected abstract Task RunWork(Session session);
}

/// <inheritdoc/>
internal sealed class PendingWrite<T>(Tenant? tenant, Func<Session, Task<T>> work, CancellationToken ct) : PendingWrite(tenant, ct)
{
    private readonly TaskCompletionSource<T> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task<T>? _running;

    public Task<T> Answer => _answer.Task;

    public override void Complete()
    {
        if (Refusal is { } refusal)
        {
            _answer.TrySetException(refusal);
        }
        else
        {
            _answer.TrySetResult(_running!.GetAwaiter().GetResult());
        }
    }

    public override void Fail(Exception exception)
    {
        Spans?.Failed(exception);
        _answer.TrySetException(exception);
    }

    protected override Task RunWork(Session session) => _running = work(session);
}
