using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Memoir.Server.Embeddings.Vectors;

/// <summary>The two inner loops of a scan, each with an AVX2 and a portable form that give the same integers.</summary>
internal static class VectorKernel
{
    /// <summary>Sums the lookups of 32 codes; every score is one higher than its sum, so that 0 can mean "not asked for".</summary>
    public static void Score(ReadOnlySpan<byte> block, ReadOnlySpan<byte> lookup, Span<ushort> scores)
    {
        if (Avx2.IsSupported)
        {
            ScoreAvx2(block, lookup, scores);
        }
        else
        {
            ScorePortable(block, lookup, scores);
        }
    }

    /// <summary>The inner product; both sides have the same length, a multiple of 16.</summary>
    public static int Dot(ReadOnlySpan<sbyte> values, ReadOnlySpan<short> query) =>
        Avx2.IsSupported ? DotAvx2(values, query) : DotPortable(values, query);

    internal static void ScorePortable(ReadOnlySpan<byte> block, ReadOnlySpan<byte> lookup, Span<ushort> scores)
    {
        ref var codes = ref MemoryMarshal.GetReference(block);
        ref var table = ref MemoryMarshal.GetReference(lookup);
        var nibble = Vector128.Create((byte)0x0F);
        var columns = block.Length / VectorSketch.BlockSize;
        for (var half = 0; half < VectorSketch.BlockSize; half += Vector128<byte>.Count)
        {
            var lower = Vector128.Create((ushort)1);
            var upper = Vector128.Create((ushort)1);
            for (var column = 0; column < columns; column++)
            {
                var code = Vector128.LoadUnsafe(ref codes, (nuint)((column * VectorSketch.BlockSize) + half));
                var sum = Vector128.Shuffle(Vector128.LoadUnsafe(ref table, (nuint)(column * 64)), code & nibble)
                    + Vector128.Shuffle(Vector128.LoadUnsafe(ref table, (nuint)((column * 64) + 32)), code >>> 4);
                var (low, high) = Vector128.Widen(sum);
                lower += low;
                upper += high;
            }

            lower.CopyTo(scores[half..]);
            upper.CopyTo(scores[(half + Vector128<ushort>.Count)..]);
        }
    }

    internal static int DotPortable(ReadOnlySpan<sbyte> values, ReadOnlySpan<short> query)
    {
        var sum = 0;
        for (var i = 0; i < values.Length; i++)
        {
            sum += values[i] * query[i];
        }

        return sum;
    }

    private static void ScoreAvx2(ReadOnlySpan<byte> block, ReadOnlySpan<byte> lookup, Span<ushort> scores)
    {
        ref var codes = ref MemoryMarshal.GetReference(block);
        ref var table = ref MemoryMarshal.GetReference(lookup);
        var nibble = Vector256.Create((byte)0x0F);
        var lowByte = Vector256.Create((ushort)0x00FF);
        var even = Vector256.Create((ushort)1);
        var odd = Vector256.Create((ushort)1);
        var end = (nuint)block.Length;
        nuint entry = 0;
        for (nuint at = 0; at < end; at += 64, entry += 128)
        {
            var first = Vector256.LoadUnsafe(ref codes, at);
            var second = Vector256.LoadUnsafe(ref codes, at + 32);
            var sum = Avx2.Shuffle(Vector256.LoadUnsafe(ref table, entry), first & nibble)
                + Avx2.Shuffle(Vector256.LoadUnsafe(ref table, entry + 32), (first.AsUInt16() >>> 4).AsByte() & nibble)
                + Avx2.Shuffle(Vector256.LoadUnsafe(ref table, entry + 64), second & nibble)
                + Avx2.Shuffle(Vector256.LoadUnsafe(ref table, entry + 96), (second.AsUInt16() >>> 4).AsByte() & nibble);
            even += sum.AsUInt16() & lowByte;
            odd += sum.AsUInt16() >>> 8;
        }

        var left = Avx2.UnpackLow(even, odd);
        var right = Avx2.UnpackHigh(even, odd);
        left.GetLower().CopyTo(scores);
        right.GetLower().CopyTo(scores[8..]);
        left.GetUpper().CopyTo(scores[16..]);
        right.GetUpper().CopyTo(scores[24..]);
    }

    private static int DotAvx2(ReadOnlySpan<sbyte> values, ReadOnlySpan<short> query)
    {
        ref var v = ref MemoryMarshal.GetReference(values);
        ref var q = ref MemoryMarshal.GetReference(query);
        var sum = Vector256<int>.Zero;
        for (nuint i = 0; i < (nuint)values.Length; i += 16)
        {
            var wide = Avx2.ConvertToVector256Int16(Vector128.LoadUnsafe(ref v, i));
            sum += Avx2.MultiplyAddAdjacent(wide, Vector256.LoadUnsafe(ref q, i));
        }

        return Vector256.Sum(sum);
    }
}
