namespace Memoir.Kit.Data.Sqlite;

/// <summary>
/// The bounded queue before the writer. It sleeps at once when empty: the framework's blocking queues spin first, and on
/// a small machine that time is taken from the requests that would fill it.
/// </summary>
internal sealed class WriteQueue<T>(int limit)
    where T : class
{
    private readonly Queue<T> _items = new();
    private bool _completed;

    public int Count
    {
        get
        {
            lock (_items)
            {
                return _items.Count;
            }
        }
    }

    /// <summary>False when full.</summary>
    /// <exception cref="InvalidOperationException">Nothing is taken any more.</exception>
    public bool TryAdd(T item)
    {
        lock (_items)
        {
            if (_completed)
            {
                throw new InvalidOperationException("The queue is closed.");
            }

            if (_items.Count >= limit)
            {
                return false;
            }

            _items.Enqueue(item);
            if (_items.Count == 1)
            {
                Monitor.Pulse(_items);
            }

            return true;
        }
    }

    /// <summary>Waits for an item; null when the queue is closed and empty.</summary>
    public T? Take()
    {
        lock (_items)
        {
            while (_items.Count == 0)
            {
                if (_completed)
                {
                    return null;
                }

                Monitor.Wait(_items);
            }

            return _items.Dequeue();
        }
    }

    /// <summary>The next item if one is waiting.</summary>
    public T? TryTake()
    {
        lock (_items)
        {
            return _items.TryDequeue(out var item) ? item : null;
        }
    }

    /// <summary>Takes no more; what is waiting is still handed out.</summary>
    public void Close()
    {
        lock (_items)
        {
            _completed = true;
            Monitor.PulseAll(_items);
        }
    }
}
