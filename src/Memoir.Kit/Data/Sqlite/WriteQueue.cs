namespace Memoir.Kit.Data.Sqlite;

/// <summary>
/// The bounded queue before the writer, a lane for each tenant: they come by turns, and none may fill it alone. It sleeps at
/// once when empty: the framework's blocking queues spin first, and on a small machine that time is taken from the requests
/// that would fill it.
/// </summary>
internal sealed class WriteQueue<T>(int limit)
    where T : class
{
    /// <summary>One tenant may fill this part of the queue, or as much as would not be worth a turn.</summary>
    private const int LaneShare = 8;
    private const int SmallLane = 64;

    private readonly Dictionary<string, Queue<T>> _lanes = new(StringComparer.Ordinal);
    private readonly Queue<string> _turns = new();
    private readonly Stack<Queue<T>> _spare = new();
    private readonly int _laneLimit = Math.Max(SmallLane, limit / LaneShare);
    private int _count;
    private bool _completed;

    public int Count
    {
        get
        {
            lock (_lanes)
            {
                return _count;
            }
        }
    }

    /// <summary>False when full, for this tenant or for all.</summary>
    /// <exception cref="InvalidOperationException">Nothing is taken any more.</exception>
    public bool TryAdd(T item, Tenant? tenant)
    {
        lock (_lanes)
        {
            if (_completed)
            {
                throw new InvalidOperationException("The queue is closed.");
            }

            var name = tenant?.Id ?? "";
            var isWaiting = _lanes.TryGetValue(name, out var lane);
            if (_count >= limit || (tenant is not null && lane?.Count >= _laneLimit))
            {
                return false;
            }

            if (!isWaiting)
            {
                lane = _spare.TryPop(out var spare) ? spare : new Queue<T>();
                _lanes.Add(name, lane);
                _turns.Enqueue(name);
            }

            lane!.Enqueue(item);
            if (++_count == 1)
            {
                Monitor.Pulse(_lanes);
            }

            return true;
        }
    }

    /// <summary>Waits for an item; null when the queue is closed and empty.</summary>
    public T? Take()
    {
        lock (_lanes)
        {
            while (_count == 0)
            {
                if (_completed)
                {
                    return null;
                }

                Monitor.Wait(_lanes);
            }

            return Next();
        }
    }

    /// <summary>The next item if one is waiting.</summary>
    public T? TryTake()
    {
        lock (_lanes)
        {
            return _count > 0 ? Next() : null;
        }
    }

    /// <summary>Takes no more; what is waiting is still handed out.</summary>
    public void Close()
    {
        lock (_lanes)
        {
            _completed = true;
            Monitor.PulseAll(_lanes);
        }
    }

    private T Next()
    {
        var name = _turns.Dequeue();
        var lane = _lanes[name];
        var item = lane.Dequeue();
        _count--;
        if (lane.Count > 0)
        {
            _turns.Enqueue(name);
        }
        else
        {
            _lanes.Remove(name);
            if (_spare.Count < SmallLane)
            {
                _spare.Push(lane);
            }
        }

        return item;
    }
}
