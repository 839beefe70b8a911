namespace Memoir.Server.Recall.Index;

/// <summary>The fields of all memories, one array each, indexed by ordinal. Growing makes a new set; old ones stay readable.</summary>
internal sealed class MemoryColumns
{
    public const byte Dead = 1;
    public const byte Archived = 2;
    public const byte Asks = 4;
    public const byte TellsTime = 8;
    public const byte Expires = 16;
    public const byte Hidden = 64;

    /// <summary>It has a beginning or an end, or is not known so any more: what is in <see cref="Periods"/>.</summary>
    public const byte Timed = 32;

    public const int BytesEach = (4 * 8) + (8 * 4) + 2;

    public MemoryColumns(int capacity, MemoryColumns? from = null)
    {
        Sequence = Grow(from?.Sequence, capacity);
        OccurredAt = Grow(from?.OccurredAt, capacity);
        ExpiresAt = Grow(from?.ExpiresAt, capacity);
        Conversation = Grow(from?.Conversation, capacity);
        User = Grow(from?.User, capacity);
        Previous = Grow(from?.Previous, capacity);
        Next = Grow(from?.Next, capacity);
        FirstUnit = Grow(from?.FirstUnit, capacity);
        Importance = Grow(from?.Importance, capacity);
        ImportanceOverride = Grow(from?.ImportanceOverride, capacity);
        Type = Grow(from?.Type, capacity);
        Role = Grow(from?.Role, capacity);
        State = Grow(from?.State, capacity);
        KnownFrom = Grow(from?.KnownFrom, capacity);
        Periods = from?.Periods is { } periods ? new PeriodColumns(capacity, periods) : null;
    }

    public int Capacity => Sequence.Length;

    public long[] Sequence { get; }

    public long[] OccurredAt { get; }

    public long[] ExpiresAt { get; }

    /// <summary>-1 for a memory that is a conversation of its own.</summary>
    public int[] Conversation { get; }

    /// <summary>-1 for a memory of nobody in particular.</summary>
    public int[] User { get; }

    /// <summary>The memory said before this one in its conversation, or -1.</summary>
    public int[] Previous { get; }

    public int[] Next { get; }

    public int[] FirstUnit { get; }

    public float[] Importance { get; }

    public float[] ImportanceOverride { get; }

    public int[] Type { get; }

    public MemoryRole[] Role { get; }

    public byte[] State { get; }

    /// <summary>Since when we know it.</summary>
    public long[] KnownFrom { get; }

    /// <summary>Of those that are <see cref="Timed"/>; null while there are none, for most tenants have none.</summary>
    public PeriodColumns? Periods { get; private set; }

    public long BytesOfPeriods => Periods is null ? 0 : Capacity * 24L;

    public void Set(int ordinal, AnalysedMemory memory, int conversation, int user, int type, int firstUnit)
    {
        var isTimed = memory.KnownUntilMicros != long.MaxValue || memory.ValidFromMicros != long.MinValue || memory.ValidUntilMicros != long.MaxValue;
        if (isTimed)
        {
            SetPeriod(ordinal, memory.KnownUntilMicros, memory.ValidFromMicros, memory.ValidUntilMicros);
        }

        KnownFrom[ordinal] = memory.KnownFromMicros;
        Sequence[ordinal] = memory.Sequence;
        OccurredAt[ordinal] = memory.OccurredAtMicros;
        ExpiresAt[ordinal] = memory.ExpiresAtMicros;
        Conversation[ordinal] = conversation;
        User[ordinal] = user;
        Type[ordinal] = type;
        Role[ordinal] = memory.Role;
        State[ordinal] = (byte)((memory.Archived ? Archived : 0) | (memory.Hidden ? Hidden : 0) | (memory.Asks ? Asks : 0)
            | (memory.TellsTime ? TellsTime : 0) | (isTimed ? Timed : 0) | (memory.ExpiresAtMicros != long.MaxValue ? Expires : 0));
        Importance[ordinal] = memory.Importance;
        ImportanceOverride[ordinal] = memory.ImportanceOverride;
        FirstUnit[ordinal] = firstUnit;
        Previous[ordinal] = -1;
        Next[ordinal] = -1;
    }

    /// <summary>Whether it is one of the turns that stand beside one another: not what was said before it was corrected.</summary>
    public bool IsTurn(int ordinal) => (State[ordinal] & Timed) == 0 || Periods!.KnownUntil[ordinal] == long.MaxValue;

    /// <summary>Before the ordinal is published: who sees it sees these.</summary>
    public void SetPeriod(int ordinal, long knownUntil, long validFrom, long validUntil)
    {
        Periods ??= new PeriodColumns(Capacity);
        Periods.KnownUntil[ordinal] = knownUntil;
        Periods.ValidFrom[ordinal] = validFrom;
        Periods.ValidUntil[ordinal] = validUntil;
    }

    internal static T[] Grow<T>(T[]? old, int capacity)
    {
        var grown = new T[capacity];
        old?.CopyTo(grown, 0);
        return grown;
    }
}

/// <summary>When memories are true and known, in Unix microseconds, where that is bounded.</summary>
internal sealed class PeriodColumns(int capacity, PeriodColumns? from = null)
{
    public long[] KnownUntil { get; } = MemoryColumns.Grow(from?.KnownUntil, capacity);

    public long[] ValidFrom { get; } = MemoryColumns.Grow(from?.ValidFrom, capacity);

    public long[] ValidUntil { get; } = MemoryColumns.Grow(from?.ValidUntil, capacity);
}
