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

    public const int BytesEach = (3 * 8) + (8 * 4) + 2;

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

    public void Set(int ordinal, AnalysedMemory memory, int conversation, int user, int type, int firstUnit)
    {
        Sequence[ordinal] = memory.Sequence;
        OccurredAt[ordinal] = memory.OccurredAtMicros;
        ExpiresAt[ordinal] = memory.ExpiresAtMicros;
        Conversation[ordinal] = conversation;
        User[ordinal] = user;
        Type[ordinal] = type;
        Role[ordinal] = memory.Role;
        State[ordinal] = (byte)((memory.Archived ? Archived : 0) | (memory.Hidden ? Hidden : 0) | (memory.Asks ? Asks : 0)
            | (memory.TellsTime ? TellsTime : 0) | (memory.ExpiresAtMicros != long.MaxValue ? Expires : 0));
        Importance[ordinal] = memory.Importance;
        ImportanceOverride[ordinal] = memory.ImportanceOverride;
        FirstUnit[ordinal] = firstUnit;
        Previous[ordinal] = -1;
        Next[ordinal] = -1;
    }

    private static T[] Grow<T>(T[]? old, int capacity)
    {
        var grown = new T[capacity];
        old?.CopyTo(grown, 0);
        return grown;
    }
}
