using Memoir.Kit.Data;
using Memoir.Kit.Http;

namespace Memoir.Kit.Limits;

/// <summary>
/// A number of places for work that would slow all down if there were more of it at once. Who finds none waits; those that
/// wait come by turns of their tenants, so that however many wait for one tenant, another's is the next but one. Nobody waits
/// for longer than is of use, and no more wait than can be told so in time. A burst is waited out: where a tenant's queue has
/// been there for a second and a crowd is at it, there is more to do than can be done, and it is kept so short that who gets
/// in waits about as long as the work takes.
/// </summary>
public sealed class TenantTurns(int places, TimeSpan longestWait, TimeProvider? time = null)
{
    private const int MostWaiting = 1024;

    /// <summary>Beyond it nobody waits; what is above <see cref="MostWaiting"/> is for tenants of which few wait.</summary>
    private const int MostWithReserve = 2 * MostWaiting;

    /// <summary>One tenant may fill this part of the queue.</summary>
    private const int LaneShare = 2;

    /// <summary>
    /// So many callers of one tenant, waiting or refused a moment ago, are more than the usual: below it all are let in, since each
    /// of them asks again only when it has its answer.
    /// </summary>
    private const int Crowd = 256;

    /// <summary>Tenants whose queues are empty and may be full again in a moment.</summary>
    private const int MostIdleLanes = 1024;

    private static readonly TimeSpan Burst = TimeSpan.FromSeconds(1);

    /// <summary>A queue that was empty for less than this was never gone.</summary>
    private static readonly TimeSpan Gap = TimeSpan.FromMilliseconds(100);

    private static readonly TimeSpan LeastPause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan MostPause = TimeSpan.FromSeconds(1);

    /// <summary>For each of the tenant that is paused already: not more than 200 refusals a second, until there are 200 at once.</summary>
    private static readonly TimeSpan PauseForEach = TimeSpan.FromMilliseconds(5);

    private readonly TimeProvider _time = time ?? TimeProvider.System;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Lane> _lanes = new(StringComparer.Ordinal);
    private readonly Queue<Lane> _turns = new();
    private readonly int _places = places;
    private int _free = places;
    private int _waiting;

    /// <summary>Returns with a place, which <see cref="Leave"/> gives back.</summary>
    /// <exception cref="ProblemException">503: too many wait, or it took too long.</exception>
    public Task EnterAsync(Tenant? tenant, CancellationToken ct)
    {
        lock (_gate)
        {
            if (_free > 0)
            {
                _free--;
                return Task.CompletedTask;
            }

            var lane = LaneOf(tenant?.Id ?? "");
            if (IsFull(lane))
            {
                throw Overloaded();
            }

            if (lane.Waiting.Count == 0)
            {
                lane.Fill(_time);
                _turns.Enqueue(lane);
            }

            var waiter = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            lane.Waiting.Enqueue(waiter);
            _waiting++;
            return WaitAsync(waiter, ct);
        }
    }

    /// <summary>
    /// The refusal that <see cref="EnterAsync"/> would throw now, for who asks before other work: an exception costs a good part of it.
    /// It comes after a pause, the longer the more are refused, a second at most: whoever asks again at once would otherwise take
    /// the processor from those who were let in.
    /// </summary>
    public async ValueTask<ProblemException?> ForeseeAsync(Tenant tenant, CancellationToken ct)
    {
        var pause = LeastPause;
        Lane lane;
        lock (_gate)
        {
            if (_free > 0)
            {
                return null;
            }

            lane = LaneOf(tenant.Id);
            if (!IsFull(lane))
            {
                return null;
            }

            pause += ++lane.Paused * PauseForEach;
        }

        try
        {
            // Not all at once: a crowd that is told together comes again together.
            var part = 0.5 + (Random.Shared.NextDouble() / 2);
            await Task.Delay((pause < MostPause ? pause : MostPause) * part, _time, ct);
        }
        finally
        {
            lock (_gate)
            {
                lane.Paused--;
            }
        }

        return Overloaded(); // Even if there is a place by now: who is served has not waited.
    }

    public void Leave()
    {
        lock (_gate)
        {
            while (_turns.TryDequeue(out var lane))
            {
                var isTaken = lane.Waiting.Dequeue().TrySetResult();
                _waiting--;
                if (lane.Waiting.Count > 0)
                {
                    _turns.Enqueue(lane);
                }
                else
                {
                    lane.EmptiedAt = _time.GetTimestamp();
                }

                if (isTaken)
                {
                    return; // The place goes from hand to hand.
                }
            }

            _free++;
        }
    }

    private bool IsFull(Lane lane)
    {
#if FAULT_STORAGE
        if (Data.Sqlite.SeededFault.Is("EndlessQueue"))
        {
            return false;
        }
#endif
        // However many others wait: a tenant that hardly waits is let in.
        if (lane.Waiting.Count < _places)
        {
            return _waiting >= MostWithReserve;
        }

        if (_waiting >= MostWaiting || lane.Waiting.Count >= MostWaiting / LaneShare)
        {
            return true;
        }

        return IsCrowded(lane) && _time.GetElapsedTime(lane.FilledAt) > Burst;
    }

    /// <summary>Several tenants that are no crowd each may be one together.</summary>
    private bool IsCrowded(Lane lane) => lane.Waiting.Count + lane.Paused >= Crowd || _waiting >= MostWaiting / 2;

    private Lane LaneOf(string name)
    {
        if (!_lanes.TryGetValue(name, out var lane))
        {
            if (_lanes.Count >= MostIdleLanes)
            {
                foreach (var idle in _lanes.Where(one => one.Value is { Waiting.Count: 0, Paused: 0 }).Select(one => one.Key).ToList())
                {
                    _lanes.Remove(idle);
                }
            }

            _lanes.Add(name, lane = new Lane());
        }

        return lane;
    }

    private async Task WaitAsync(TaskCompletionSource waiter, CancellationToken ct)
    {
        await waiter.Task.WaitAsync(longestWait, ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!waiter.TrySetCanceled(CancellationToken.None) && waiter.Task.IsCompletedSuccessfully)
        {
            return;
        }

        ct.ThrowIfCancellationRequested();
        throw Overloaded();
    }

    private static ProblemException Overloaded() => new(Problem.Overloaded, "Too many requests are waiting; send this one again in a moment.");

    /// <summary>Who waits for one tenant.</summary>
    private sealed class Lane
    {
        public Queue<TaskCompletionSource> Waiting { get; } = new();

        /// <summary>How many are refused and have not been told yet.</summary>
        public int Paused { get; set; }

        /// <summary>Since when somebody waits here without a pause.</summary>
        public long FilledAt { get; private set; }

        public long? EmptiedAt { get; set; }

        public void Fill(TimeProvider time)
        {
            if (EmptiedAt is not { } emptied || time.GetElapsedTime(emptied) > Gap)
            {
                FilledAt = time.GetTimestamp();
            }
        }
    }
}
