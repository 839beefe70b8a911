using Memoir.Kit.Data;
using Memoir.Kit.Http;

namespace Memoir.Kit.Limits;

/// <summary>
/// A number of places for work that would slow all down if there were more of it at once. Who finds none waits; those that
/// wait come by turns of their tenants, so that however many wait for one tenant, another's is the next but one. Nobody waits
/// for longer than is of use, and no more wait than can be told so in time.
/// </summary>
public sealed class TenantTurns(int places, TimeSpan longestWait)
{
    private const int MostWaiting = 1024;

    /// <summary>One tenant may fill this part of the queue.</summary>
    private const int LaneShare = 2;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Queue<TaskCompletionSource>> _lanes = new(StringComparer.Ordinal);
    private readonly Queue<string> _turns = new();
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

            var name = tenant?.Id ?? "";
            if (!_lanes.TryGetValue(name, out var lane))
            {
                _lanes.Add(name, lane = new Queue<TaskCompletionSource>());
                _turns.Enqueue(name);
            }

            if (_waiting >= MostWaiting || lane.Count >= MostWaiting / LaneShare)
            {
                throw Overloaded();
            }

            var waiter = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            lane.Enqueue(waiter);
            _waiting++;
            return WaitAsync(waiter, ct);
        }
    }

    public void Leave()
    {
        lock (_gate)
        {
            while (_turns.TryDequeue(out var name))
            {
                var lane = _lanes[name];
                var isTaken = lane.TryDequeue(out var waiter) && waiter.TrySetResult();
                _waiting -= waiter is null ? 0 : 1;
                if (lane.Count > 0)
                {
                    _turns.Enqueue(name);
                }
                else
                {
                    _lanes.Remove(name);
                }

                if (isTaken)
                {
                    return; // The place goes from hand to hand.
                }
            }

            _free++;
        }
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
}
