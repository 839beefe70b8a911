using System.Buffers;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Memoir.Server.Embeddings.Vectors;

/// <summary>
/// All vectors of one generation in memory, found by ordinal or by nearness.
/// One thread may write at a time; any number may read meanwhile without a lock.
/// </summary>
internal sealed class VectorTable
{
    // Up to here every allowed vector is compared exactly, which costs less than choosing would.
    private const int ExactScanLimit = 4096;

    private const int FewestCandidates = 400;
    private const int CandidatesPerHit = 20;
    private const int MostExtraCandidates = 8192;
    private const float MarginInErrors = 2.5f;
    private const int BucketShift = 3;
    private const int Buckets = (ushort.MaxValue + 1) >> BucketShift;

    private readonly VectorSketch _sketch;
    private readonly int _stride;
    private VectorChunk?[] _chunks = [];

    public VectorTable(int dimensions)
    {
        _sketch = VectorSketch.Of(dimensions);
        _stride = StrideOf(dimensions);
    }

    public int Dimensions => _sketch.Dimensions;

    public long EstimatedBytes
    {
        get
        {
            var chunks = Volatile.Read(ref _chunks);
            var made = chunks.Count(chunk => chunk is not null);
            return (made * VectorChunk.BytesOf(_stride, _sketch.Columns)) + ((long)chunks.Length * IntPtr.Size);
        }
    }

    /// <summary>Puts a stored vector in its place, over any older one; throws <see cref="FormatException"/> when it is damaged.</summary>
    public void Set(int ordinal, ReadOnlySpan<byte> encoded)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(ordinal);
        var scale = VectorCodec.Check(encoded, Dimensions);
        ChunkForWriting(ordinal / VectorChunk.Size).Set(ordinal % VectorChunk.Size, _sketch, VectorCodec.Values(encoded), scale);
    }

    public void Clear(int ordinal)
    {
        if (Has(ordinal))
        {
            _chunks[ordinal / VectorChunk.Size]!.Clear(ordinal % VectorChunk.Size);
        }
    }

    public bool Has(int ordinal) => ChunkOf(ordinal)?.Has(ordinal % VectorChunk.Size) ?? false;

    /// <summary>NaN when there is no vector.</summary>
    public float Cosine(int ordinal, QueryVector query)
    {
        CheckDimensions(query);
        return ChunkOf(ordinal)?.Cosine(ordinal % VectorChunk.Size, query) ?? float.NaN;
    }

    /// <summary>
    /// Fills <paramref name="best"/> with the nearest of the allowed ordinals, best first, and says how many there are.
    /// Bit n of <paramref name="allowed"/> stands for ordinal n.
    /// </summary>
    public int Nearest(QueryVector query, ReadOnlySpan<ulong> allowed, Span<VectorHit> best)
    {
        CheckDimensions(query);
        var chunks = Volatile.Read(ref _chunks);
        var halves = MemoryMarshal.Cast<ulong, uint>(allowed);
        var blocks = Math.Min(chunks.Length * VectorChunk.Blocks, halves.Length);
        var count = Count(chunks, halves[..blocks]);
        if (count == 0 || best.IsEmpty)
        {
            return 0;
        }

        var found = new Shortlist(chunks, query, best);
        if (count <= Math.Max(ExactScanLimit, (long)CandidatesPerHit * best.Length))
        {
            for (var block = 0; block < blocks; block++)
            {
                for (var bits = Mask(chunks, halves, block); bits != 0; bits &= bits - 1)
                {
                    found.Offer((block * VectorSketch.BlockSize) + BitOperations.TrailingZeroCount(bits));
                }
            }

            return found.Count;
        }

        var scores = ArrayPool<ushort>.Shared.Rent(blocks * VectorSketch.BlockSize);
        var histogram = ArrayPool<int>.Shared.Rent(Buckets);
        try
        {
            var scored = scores.AsSpan(0, blocks * VectorSketch.BlockSize);
            Score(chunks, halves, query, scored);
            Fill(histogram.AsSpan(0, Buckets), scored);
            Choose(ref found, query, scored, histogram.AsSpan(0, Buckets));
            return found.Count;
        }
        finally
        {
            ArrayPool<ushort>.Shared.Return(scores);
            ArrayPool<int>.Shared.Return(histogram);
        }
    }

    /// <summary>Values per vector, padded so that the kernels need no tail loop.</summary>
    internal static int StrideOf(int dimensions) => (dimensions + 15) / 16 * 16;

    private static void Score(VectorChunk?[] chunks, ReadOnlySpan<uint> halves, QueryVector query, Span<ushort> scores)
    {
        for (var block = 0; block * VectorSketch.BlockSize < scores.Length; block++)
        {
            var mask = Mask(chunks, halves, block);
            var lanes = scores.Slice(block * VectorSketch.BlockSize, VectorSketch.BlockSize);
            if (mask == 0)
            {
                lanes.Clear();
                continue;
            }

            VectorKernel.Score(chunks[block / VectorChunk.Blocks]!.Codes(block % VectorChunk.Blocks), query.Lookup, lanes);
            for (var absent = ~mask; absent != 0; absent &= absent - 1)
            {
                lanes[BitOperations.TrailingZeroCount(absent)] = 0;
            }
        }
    }

    private static void Fill(Span<int> histogram, ReadOnlySpan<ushort> scores)
    {
        histogram.Clear();
        foreach (var score in scores)
        {
            histogram[score >> BucketShift]++;
        }
    }

    // First the best by sketch. Then, where the sketches cannot tell the last hit from what follows it (a dense cluster),
    // everything within the sketch's error of that hit.
    private void Choose(ref Shortlist found, QueryVector query, ReadOnlySpan<ushort> scores, ReadOnlySpan<int> histogram)
    {
        var wanted = Math.Max(FewestCandidates, CandidatesPerHit * found.Capacity);
        var floor = FloorOf(histogram, Buckets, wanted);
        OfferDown(ref found, scores, ushort.MaxValue, floor, wanted);
        if (!found.IsFull)
        {
            return;
        }

        var least = (found.Worst * _sketch.Gain) - (MarginInErrors * _sketch.StandardError);
        var wished = (int)Math.Clamp((least - query.LookupFloor) / query.LookupStep, 1, ushort.MaxValue);
        if (wished < floor)
        {
            var affordable = FloorOf(histogram, floor >> BucketShift, MostExtraCandidates);
            OfferDown(ref found, scores, floor - 1, Math.Max(wished, affordable), MostExtraCandidates);
        }
    }

    // The lowest bucket comes last and capped: where thousands of equal vectors share it, the better ones must not wait behind.
    private static void OfferDown(ref Shortlist found, ReadOnlySpan<ushort> scores, int from, int to, int mostOfLowest)
    {
        var border = Math.Min(from + 1, (to | ((1 << BucketShift) - 1)) + 1);
        if (border <= from)
        {
            Offer(ref found, scores, border, from, int.MaxValue);
        }

        Offer(ref found, scores, to, border - 1, mostOfLowest);
    }

    // The lowest score that lets about `wanted` through, counting down from a bucket.
    private static int FloorOf(ReadOnlySpan<int> histogram, int bucket, int wanted)
    {
        for (var sum = 0; bucket > 0 && sum < wanted;)
        {
            sum += histogram[--bucket];
        }

        return Math.Max(1, bucket << BucketShift);
    }

    private static void Offer(ref Shortlist found, ReadOnlySpan<ushort> scores, int from, int to, int most)
    {
        ref var first = ref MemoryMarshal.GetReference(scores);
        var low = Vector256.Create((ushort)from);
        var high = Vector256.Create((ushort)to);
        for (var start = 0; start < scores.Length && most > 0; start += Vector256<ushort>.Count)
        {
            var lanes = Vector256.LoadUnsafe(ref first, (nuint)start);
            var within = Vector256.GreaterThanOrEqual(lanes, low) & Vector256.LessThanOrEqual(lanes, high);
            for (var bits = within.ExtractMostSignificantBits(); bits != 0; bits &= bits - 1, most--)
            {
                found.Await(start + BitOperations.TrailingZeroCount(bits));
            }
        }

        found.Settle();
    }

    private static int Count(VectorChunk?[] chunks, ReadOnlySpan<uint> halves)
    {
        var count = 0;
        for (var block = 0; block < halves.Length; block++)
        {
            count += BitOperations.PopCount(Mask(chunks, halves, block));
        }

        return count;
    }

    private static uint Mask(VectorChunk?[] chunks, ReadOnlySpan<uint> halves, int block)
    {
        var asked = halves[block];
        return asked == 0 ? 0 : asked & (chunks[block / VectorChunk.Blocks]?.Present(block % VectorChunk.Blocks) ?? 0);
    }

    private VectorChunk? ChunkOf(int ordinal)
    {
        var chunks = Volatile.Read(ref _chunks);
        var index = ordinal / VectorChunk.Size;
        return ordinal >= 0 && index < chunks.Length ? Volatile.Read(ref chunks[index]) : null;
    }

    private VectorChunk ChunkForWriting(int index)
    {
        var chunks = _chunks;
        if (index >= chunks.Length)
        {
            Array.Resize(ref chunks, Math.Max(index + 1, chunks.Length * 2));
            Volatile.Write(ref _chunks, chunks);
        }

        if (chunks[index] is not { } chunk)
        {
            chunk = new VectorChunk(_stride, _sketch.Columns);
            Volatile.Write(ref chunks[index], chunk);
        }

        return chunk;
    }

    private void CheckDimensions(QueryVector query)
    {
        if (query.Dimensions != Dimensions)
        {
            throw new ArgumentException($"A query of {query.Dimensions} dimensions cannot be compared with vectors of {Dimensions}.");
        }
    }
}
