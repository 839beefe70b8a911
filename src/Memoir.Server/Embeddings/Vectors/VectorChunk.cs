using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Memoir.Server.Embeddings.Vectors;

/// <summary>The columns of a run of consecutive ordinals, written by one thread while many read.</summary>
internal sealed class VectorChunk(int stride, int columns)
{
    public const int Size = 512;
    public const int Blocks = Size / VectorSketch.BlockSize;

    private const int CacheLine = 64;

    private readonly sbyte[] _values = new sbyte[Size * stride];
    private readonly float[] _scales = new float[Size];
    private readonly byte[] _codes = new byte[Size * columns];
    private readonly uint[] _present = new uint[Blocks];

    // Odd while a vector is being written; a reader that saw it change reads again.
    private readonly int[] _stamps = new int[Size];

    public static long BytesOf(int stride, int columns) => (long)Size * (stride + sizeof(float) + columns + sizeof(int)) + 200;

    public uint Present(int block) => Volatile.Read(ref _present[block]);

    public bool Has(int slot) => (Present(slot / 32) >> (slot % 32) & 1) != 0;

    public ReadOnlySpan<byte> Codes(int block) => _codes.AsSpan(block * VectorSketch.BlockSize * columns, VectorSketch.BlockSize * columns);

    public void Set(int slot, VectorSketch sketch, ReadOnlySpan<sbyte> values, float scale)
    {
        Open(slot);
        values.CopyTo(_values.AsSpan(slot * stride));
        _scales[slot] = scale;
        var block = slot / VectorSketch.BlockSize;
        var codes = _codes.AsSpan(block * VectorSketch.BlockSize * columns, VectorSketch.BlockSize * columns);
        sketch.Encode(values, scale, codes, slot % VectorSketch.BlockSize);
        Volatile.Write(ref _present[block], _present[block] | 1u << (slot % 32));
        Close(slot);
    }

    public void Clear(int slot)
    {
        Open(slot);
        Volatile.Write(ref _present[slot / 32], _present[slot / 32] & ~(1u << (slot % 32)));
        _values.AsSpan(slot * stride, stride).Clear();
        Close(slot);
    }

    /// <summary>NaN when there is no vector.</summary>
    public float Cosine(int slot, QueryVector query)
    {
        var wait = new SpinWait();
        while (true)
        {
            var before = Volatile.Read(ref _stamps[slot]);
            if ((before & 1) == 0)
            {
                if (!Has(slot))
                {
                    return float.NaN;
                }

                var cosine = VectorKernel.Dot(_values.AsSpan(slot * stride, stride), query.Values) * query.Scale * _scales[slot];
                Volatile.ReadBarrier();
                if (_stamps[slot] == before)
                {
                    return Math.Clamp(cosine, -1f, 1f);
                }
            }

            wait.SpinOnce();
        }
    }

    /// <summary>Starts loading a vector; scattered candidates otherwise cost a memory latency each.</summary>
    public unsafe void Prefetch(int slot)
    {
        if (Sse.IsSupported)
        {
            // A hint only: the pointer is never dereferenced, so it does no harm when the array moves meanwhile.
            var address = (byte*)Unsafe.AsPointer(ref _values[slot * stride]);
            for (var line = 0; line < stride; line += CacheLine)
            {
                Sse.Prefetch0(address + line);
            }
        }
    }

    private void Open(int slot)
    {
        Volatile.Write(ref _stamps[slot], _stamps[slot] + 1);
        Volatile.WriteBarrier();
    }

    private void Close(int slot) => Volatile.Write(ref _stamps[slot], _stamps[slot] + 1);
}
