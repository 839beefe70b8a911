using System.Runtime.CompilerServices;

namespace Memoir.Server.Recall.Index;

/// <summary>The terms of every unit (term number and count in one uint), in chunks that never move once written.</summary>
internal sealed class ForwardIndex
{
    private const int ChunkBits = 16;
    private uint[][] _chunks = [];
    private int _used = 1 << ChunkBits;

    public long Bytes => _chunks.Length * (4L << ChunkBits);

    public ReadOnlySpan<uint> Read(uint start, int count) =>
        Volatile.Read(ref _chunks)[start >> ChunkBits].AsSpan((int)(start & ((1 << ChunkBits) - 1)), count);

    /// <summary>Room for one unit's entries, which must not straddle two chunks; fill it before the unit is published.</summary>
    // Called for every memory of a load, right after the start: not worth compiling twice.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public Span<uint> Append(int count, out uint start)
    {
        if (_used + count > 1 << ChunkBits)
        {
            var chunks = new uint[_chunks.Length + 1][];
            _chunks.CopyTo(chunks, 0);
            chunks[^1] = GC.AllocateUninitializedArray<uint>(1 << ChunkBits);
            Volatile.Write(ref _chunks, chunks);
            _used = 0;
        }

        start = ((uint)(_chunks.Length - 1) << ChunkBits) | (uint)_used;
        var room = _chunks[^1].AsSpan(_used, count);
        _used += count;
        return room;
    }
}
