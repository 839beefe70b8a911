using System.Diagnostics;

namespace Memoir.Kit.Telemetry.Tracing;

/// <summary>The spans of one write: all of it, its wait for the writer, and the commit that it shares with others.</summary>
internal sealed class WriteSpans
{
    private readonly Activity _write;
    private readonly Activity? _wait;
    private Activity? _commit;

    private WriteSpans(Activity write)
    {
        _write = write;
        _wait = Spans.Source.StartActivity("database write wait", ActivityKind.Internal, write.Context);
    }

    /// <summary>Names the write in rows whose later work is to be linked to it.</summary>
    public string? TraceParent => _write.Id;

    /// <summary>Called where the write is asked for; null when nobody traces that.</summary>
    public static WriteSpans? Begin()
    {
        if (!Spans.Source.HasListeners() || Activity.Current is not { Recorded: true } caller)
        {
            return null;
        }

        var write = Spans.Source.StartActivity("database write", ActivityKind.Internal, caller.Context);
        var spans = write is null ? null : new WriteSpans(write);
        Activity.Current = caller; // These end on the writer's thread; what the caller does next is no part of them.
        return spans;
    }

    public void Started() => End(_wait);

    public void Committing(int groupSize)
    {
        End(_commit); // A commit that failed: each write of its group is tried again alone.
        _commit = Spans.Source.StartActivity("database commit", ActivityKind.Internal, _write.Context);
        _commit?.SetTag("memoir.write.group_size", groupSize);
        Activity.Current = null; // The writer's thread belongs to no request.
    }

    public void Answered(bool isRefused)
    {
        End(_commit);
        _write.SetTag("memoir.write.refused", isRefused);
        End(_write);
    }

    public void Failed(Exception fault)
    {
        End(_wait);
        End(_commit);
        _write.SetStatus(ActivityStatusCode.Error).SetTag("error.type", fault.GetType().FullName);
        End(_write);
    }

    private static void End(Activity? span)
    {
        span?.Stop();
        Activity.Current = null; // Stopping brings back what was current where it began, on another thread.
    }
}
