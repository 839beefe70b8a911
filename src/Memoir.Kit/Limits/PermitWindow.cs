using System.Globalization;

namespace Memoir.Kit.Limits;

/// <summary>
/// The permits that count against a limit, by the slot of time in which they were used or may still be. A slot counts until
/// the whole length of the limit has passed since its end, so that no stretch of that length can hold more than the limit,
/// wherever it begins. Not safe for several threads.
/// </summary>
public sealed class PermitWindow(RateLimit limit)
{
    /// <summary>Nobody is promised permits further ahead; what lies there was written by a clock that has been set back since.</summary>
    private const long Nonsense = 30_000_000;

    private readonly List<(long Slot, int Count)> _slots = [];

    /// <summary>How many permits count now.</summary>
    public int Total { get; private set; }

    public int Free => Math.Max(0, limit.Permits - Total);

    /// <summary>Reads what <see cref="ToString"/> wrote.</summary>
    public static PermitWindow Parse(string text, RateLimit limit)
    {
        var window = new PermitWindow(limit);
        foreach (var part in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            var colon = part.IndexOf(':', StringComparison.Ordinal);
            window.Add(
                long.Parse(part.AsSpan(0, colon), CultureInfo.InvariantCulture), int.Parse(part.AsSpan(colon + 1), CultureInfo.InvariantCulture));
        }

        return window;
    }

    public long SlotOf(long microseconds) => microseconds / limit.SlotMicroseconds;

    /// <summary>Drops what does not count any more.</summary>
    public void Expire(long now)
    {
        var gone = 0;
        while (gone < _slots.Count && FreedAt(_slots[gone].Slot) <= now)
        {
            Total -= _slots[gone].Count;
            gone++;
        }

        _slots.RemoveRange(0, gone);
        while (_slots is [.., var (slot, count)] && slot * limit.SlotMicroseconds > now + limit.WindowMicroseconds + Nonsense)
        {
            Total -= count;
            _slots.RemoveAt(_slots.Count - 1);
        }
    }

    public void Add(long slot, int count)
    {
        if (count == 0)
        {
            return;
        }

        var at = _slots.Count;
        while (at > 0 && _slots[at - 1].Slot > slot)
        {
            at--;
        }

        Total += count;
        if (at > 0 && _slots[at - 1].Slot == slot)
        {
            _slots[at - 1] = (slot, _slots[at - 1].Count + count);
        }
        else
        {
            _slots.Insert(at, (slot, count));
        }
    }

    public void Add(PermitWindow other) => other._slots.ForEach(counted => Add(counted.Slot, counted.Count));

    /// <summary>How long ago each was, at the least.</summary>
    public IEnumerable<(long Age, int Count)> Ages(long now) =>
        _slots.Select(counted => (Math.Max(0, now - ((counted.Slot + 1) * limit.SlotMicroseconds)), counted.Count));

    /// <summary>Takes back what was counted in a slot, if it is still there.</summary>
    public void Remove(long slot, int count)
    {
        var at = _slots.FindIndex(counted => counted.Slot == slot);
        if (at < 0)
        {
            return;
        }

        var taken = Math.Min(count, _slots[at].Count);
        Total -= taken;
        if (taken == _slots[at].Count)
        {
            _slots.RemoveAt(at);
        }
        else
        {
            _slots[at] = (slot, _slots[at].Count - taken);
        }
    }

    /// <summary>When there is a permit, if nothing more is counted.</summary>
    public long NextFree(long now)
    {
        var left = Total;
        foreach (var (slot, count) in _slots)
        {
            if (left < limit.Permits)
            {
                break;
            }

            left -= count;
            now = FreedAt(slot);
        }

        return now;
    }

    /// <summary>When nothing counts any more, if nothing is added.</summary>
    public long Reset(long now) => _slots is [.., var (slot, _)] ? Math.Max(now, FreedAt(slot)) : now;

    public override string ToString() =>
        string.Join(' ', _slots.Select(counted => string.Create(CultureInfo.InvariantCulture, $"{counted.Slot}:{counted.Count}")));

    private long FreedAt(long slot) => ((slot + 1) * limit.SlotMicroseconds) + limit.WindowMicroseconds;
}
