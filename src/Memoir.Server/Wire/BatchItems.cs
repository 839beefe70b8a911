using System.Text.Json;
using System.Text.Json.Serialization;
using Memoir.Kit.Http;
using Memoir.Kit.Http.Json;
using Memoir.Server.Memories;
using Memoir.Server.Quality;
using Memoir.Server.Quality.Doubts;

namespace Memoir.Server.Wire;

/// <summary>A batch's body before its items are judged, each alone.</summary>
public sealed record RawBatchRequest(IReadOnlyList<JsonElement> Items);

/// <summary>Answer to a batch.</summary>
public sealed record StoreBatchResponse(IReadOnlyList<StoreBatchResult> Items, int Accepted, int Rejected);

/// <summary>What became of one item: an id, or a problem.</summary>
public sealed record StoreBatchResult
{
    public required int Index { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public Guid? Id { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public JsonElement? Error { get; init; }

    /// <summary>What was masked before it was stored; absent when nothing was.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<MaskedField>? Masked { get; init; }

    /// <summary>The memory that said the same before; absent where there is none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public Guid? DuplicateOf { get; init; }

    /// <summary>Why it is not recalled before somebody releases it; absent where it is.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<string>? Quarantine { get; init; }
}

/// <summary>The items of a batch: those that can be read, and why the others cannot.</summary>
internal static class BatchItems
{
    public const int Most = 1000;

    /// <exception cref="ProblemException">The body as a whole cannot be taken.</exception>
    public static (T?[] Items, ProblemException?[] Refusals) Read<TBody, T>(ReadOnlySpan<byte> body, Func<TBody, IReadOnlyList<T>> itemsOf)
        where T : class
    {
        var (items, refusals) = ReadAll(body, itemsOf);
        RequireCount(items.Length);
        return (items, refusals);
    }

    private static void RequireCount(int count)
    {
        if (count is 0 or > Most)
        {
            throw ProblemException.Field("items", $"must have 1 to {Most} items, has {count}");
        }
    }

    /// <summary>The answer, item by item in the order of the request.</summary>
    /// <param name="refusals">A place for each item; null where it was taken.</param>
    /// <param name="stored">Those that were taken, in their order.</param>
    /// <param name="path">The request's.</param>
    /// <param name="requestId">The request's.</param>
    public static StoreBatchResponse AnswerOf(IReadOnlyList<ProblemException?> refusals, IReadOnlyList<Memory> stored, string path, string requestId)
    {
        var next = 0;
        List<StoreBatchResult> results = [.. refusals.Select((refusal, i) => refusal is null
            ? ResultOf(i, stored[next++])
            : new StoreBatchResult { Index = i, Error = ProblemAnswer.AsElement(refusal, path, requestId) })];
        return new StoreBatchResponse(results, stored.Count, results.Count - stored.Count);
    }

    /// <summary>Those of the items that were taken until now which are to be stored; why the others are not is written where they stood.</summary>
    /// <param name="refusals">A place for each item of the batch; null where it was taken.</param>
    /// <param name="taken">Those that were taken, in their order.</param>
    /// <param name="judged">A place for each of these; null when none of them is refused.</param>
    public static IReadOnlyList<T> Without<T>(ProblemException?[] refusals, IReadOnlyList<T> taken, IReadOnlyList<ProblemException?>? judged)
    {
        if (judged is null)
        {
            return taken;
        }

        var (rest, next) = (new List<T>(taken.Count), 0);
        for (var i = 0; i < refusals.Length; i++)
        {
            if (refusals[i] is null)
            {
                refusals[i] = judged[next];
                if (judged[next] is null)
                {
                    rest.Add(taken[next]);
                }

                next++;
            }
        }

        return rest;
    }

    private static StoreBatchResult ResultOf(int index, Memory stored) => new()
    {
        Index = index,
        Id = stored.Id,
        Masked = Screening.Parse(stored.Masked),
        DuplicateOf = stored.DuplicateOf,
        Quarantine = DoubtJudge.Read(stored.Quarantine),
    };

    private static (T?[] Items, ProblemException?[] Refusals) ReadAll<TBody, T>(ReadOnlySpan<byte> body, Func<TBody, IReadOnlyList<T>> itemsOf)
        where T : class
    {
        try
        {
            // Nearly every batch is right in every item, and then one pass is enough.
            if (JsonSerializer.Deserialize(body, WireJson.Of<TBody>()) is { } whole && itemsOf(whole) is { } items && !items.Contains(null!))
            {
                return ([.. items], new ProblemException?[items.Count]);
            }
        }
        catch (JsonException)
        {
            // Read again below, item by item: the wrong ones fail alone.
        }

        var raw = StrictJson.Parse(body, WireJson.Of<RawBatchRequest>()).Items;
        RequireCount(raw.Count); // Before each of them is tried.
        var read = new T?[raw.Count];
        var refusals = new ProblemException?[raw.Count];
        for (var i = 0; i < read.Length; i++)
        {
            try
            {
                read[i] = StrictJson.Parse(raw[i], WireJson.Of<T>());
            }
            catch (ProblemException refusal)
            {
                refusals[i] = refusal;
            }
        }

        return (read, refusals);
    }
}
