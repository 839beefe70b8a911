using System.Text.Json;
using Memoir.Kit.Http;
using Memoir.Kit.Http.Json;

namespace Memoir.Server.Wire;

/// <summary>A batch's body before its items are judged, each alone.</summary>
public sealed record RawBatchRequest(IReadOnlyList<JsonElement> Items);

/// <summary>The items of a batch: those that can be read, and why the others cannot.</summary>
internal static class BatchItems
{
    public const int Most = 1000;

    /// <exception cref="ProblemException">The body as a whole cannot be taken.</exception>
    public static (T?[] Items, ProblemException?[] Refusals) Read<TBody, T>(ReadOnlySpan<byte> body, Func<TBody, IReadOnlyList<T>> itemsOf)
        where T : class
    {
        var (items, refusals) = ReadAll(body, itemsOf);
        return items.Length is > 0 and <= Most
            ? (items, refusals)
            : throw ProblemException.Field("items", $"must have 1 to {Most} items, has {items.Length}");
    }

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
