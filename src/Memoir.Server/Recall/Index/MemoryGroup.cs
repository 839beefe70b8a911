using System.Runtime.CompilerServices;

namespace Memoir.Server.Recall.Index;

/// <summary>The memories that share a conversation or a user, in the order they were added, and by time for whoever links neighbours.</summary>
internal sealed class MemoryGroup(string name, int number)
{
    public const int BytesEach = 200;

    private int[] _byTime = [];
    private int _count;

    public string Name { get; } = name;

    public int Number { get; } = number;

    /// <summary>Ordinals in ascending order, dead ones included.</summary>
    public PostingList Members { get; } = new();

    /// <summary>Whether both a user and an assistant speak here, which makes the user's own turns the ones to find.</summary>
    public bool IsChat => HasUser && HasAssistant;

    public bool HasUser { get; private set; }

    public bool HasAssistant { get; private set; }

    /// <summary>Adds a turn of a conversation and links it between those said just before and just after it.</summary>
    public void Add(int ordinal, MemoryColumns columns)
    {
        AddUnlinked(ordinal, columns);
        if (!columns.IsTurn(ordinal))
        {
            return;
        }

        var at = Place(ordinal, columns);
        if (_count == _byTime.Length)
        {
            Array.Resize(ref _byTime, Math.Max(4, _count * 2));
        }

        _byTime.AsSpan(at, _count - at).CopyTo(_byTime.AsSpan(at + 1));
        _byTime[at] = ordinal;
        _count++;
        Join(at > 0 ? _byTime[at - 1] : -1, ordinal, columns);
        Join(ordinal, at + 1 < _count ? _byTime[at + 1] : -1, columns);
    }

    /// <summary>Takes note of a turn without linking it; <see cref="Link"/> does so for all at once.</summary>
    // Called for every memory of a load, right after the start: not worth compiling twice.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void AddUnlinked(int ordinal, MemoryColumns columns)
    {
        HasUser |= columns.Role[ordinal] == MemoryRole.User;
        HasAssistant |= columns.Role[ordinal] == MemoryRole.Assistant;
        Members.Add((uint)ordinal);
    }

    /// <summary>Links all turns that are still there anew.</summary>
    public void Link(MemoryColumns columns)
    {
        var members = Members.Items;
        if (_byTime.Length < members.Length)
        {
            _byTime = new int[members.Length];
        }

        _count = 0;
        var isSorted = true;
        foreach (var member in members)
        {
            var ordinal = (int)member;
            if ((columns.State[ordinal] & MemoryColumns.Dead) == 0 && columns.IsTurn(ordinal))
            {
                isSorted &= _count == 0 || IsBefore(_byTime[_count - 1], ordinal, columns);
                _byTime[_count++] = ordinal;
            }
        }

        if (!isSorted)
        {
            _byTime.AsSpan(0, _count).Sort((a, b) => a == b ? 0 : IsBefore(a, b, columns) ? -1 : 1);
        }

        for (var i = 0; i < _count; i++)
        {
            Volatile.Write(ref columns.Previous[_byTime[i]], i == 0 ? -1 : _byTime[i - 1]);
            Volatile.Write(ref columns.Next[_byTime[i]], i + 1 == _count ? -1 : _byTime[i + 1]);
        }
    }

    public void Unlink(int ordinal, MemoryColumns columns)
    {
        if (!columns.IsTurn(ordinal))
        {
            return;
        }

        var at = Place(ordinal, columns);
        _byTime.AsSpan(at + 1, _count - at - 1).CopyTo(_byTime.AsSpan(at));
        _count--;
        Join(at > 0 ? _byTime[at - 1] : -1, at < _count ? _byTime[at] : -1, columns);
    }

    private static void Join(int earlier, int later, MemoryColumns columns)
    {
        if (earlier >= 0)
        {
            Volatile.Write(ref columns.Next[earlier], later);
        }

        if (later >= 0)
        {
            Volatile.Write(ref columns.Previous[later], earlier);
        }
    }

    /// <summary>Where a memory stands, or belongs, in the order of (occurred at, sequence, ordinal).</summary>
    private int Place(int ordinal, MemoryColumns columns)
    {
        int low = 0, high = _count;
        if (high > 0 && IsBefore(_byTime[high - 1], ordinal, columns))
        {
            return high;
        }

        while (low < high)
        {
            var middle = (low + high) / 2;
            if (IsBefore(_byTime[middle], ordinal, columns))
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }

    // Called for every memory of a load, right after the start: not worth compiling twice.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static bool IsBefore(int a, int b, MemoryColumns columns)
    {
        var byTime = columns.OccurredAt[a].CompareTo(columns.OccurredAt[b]);
        var order = byTime != 0 ? byTime : columns.Sequence[a].CompareTo(columns.Sequence[b]);
        return order != 0 ? order < 0 : a < b;
    }
}
