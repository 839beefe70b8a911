using System.Collections.Concurrent;
using Memoir.Server.Recall.Index;

namespace Memoir.Server.Recall.Ranking;

/// <summary>The arrays a search works in, rented so that a search allocates next to nothing; every user leaves them zeroed.</summary>
internal sealed class SearchScratch
{
    // The one that was used last comes first, whichever thread asks: its arrays are still in the processor's cache.
    private static readonly ConcurrentStack<SearchScratch> Pool = [];

    private (float Average, float K1, float B) _saturationFor;

    /// <summary>Score so far of every unit.</summary>
    public float[] Scores { get; private set; } = [];

    /// <summary>One more than the slot of every memory under close inspection.</summary>
    public int[] SlotOf { get; private set; } = [];

    /// <summary>One more than the query's place of every term.</summary>
    public byte[] PlaceOf { get; private set; } = [];

    /// <summary>One more than the place of every conversation under close inspection.</summary>
    public int[] ConversationAt { get; private set; } = [];

    public ConversationSums Conversations { get; } = new();

    /// <summary>BM25 saturation by count (6 bits) and length (8 bits).</summary>
    public float[] Saturation { get; } = new float[64 * 256];

    public CandidateHeap Heap { get; } = new();

    /// <summary>Memories that may not be hits themselves but stand next to one that may.</summary>
    public CandidateHeap Lifters { get; } = new();

    public SlotTable Slots { get; } = new();

    public static SearchScratch Rent(in IndexView view)
    {
        var scratch = Pool.TryPop(out var pooled) ? pooled : new SearchScratch();
        scratch.Scores = Sized(scratch.Scores, view.Units);
        scratch.SlotOf = Sized(scratch.SlotOf, view.Memories);
        scratch.PlaceOf = Sized(scratch.PlaceOf, view.Postings.Length);
        scratch.ConversationAt = Sized(scratch.ConversationAt, view.Conversations.Count);
        return scratch;
    }

    public void Return() => Pool.Push(this);

    public void Prepare(float average, float k1, float b)
    {
        if (_saturationFor == (average, k1, b))
        {
            return;
        }

        _saturationFor = (average, k1, b);
        for (var i = 0; i < Saturation.Length; i++)
        {
            Saturation[i] = Bm25.Saturation(i >> 8, i & 255, average, k1, b);
        }
    }

    private static T[] Sized<T>(T[] array, int size) => array.Length >= size ? array : new T[Math.Max(size, 1024) * 5 / 4];
}
