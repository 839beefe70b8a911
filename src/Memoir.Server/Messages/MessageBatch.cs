using System.Text.Json;
using Memoir.Kit.Http;
using Memoir.Server.Memories;
using Memoir.Server.Wire;
using Memoir.Kit.Http.Json;

namespace Memoir.Server.Messages;

/// <summary>A batch whose items were judged one by one.</summary>
internal sealed class MessageBatch
{
    public const int MaxItems = 1000;

    private readonly ProblemException?[] _refusals;

    private MessageBatch(string? tenantId, IReadOnlyList<NewMemory> accepted, ProblemException?[] refusals)
    {
        TenantId = tenantId;
        Accepted = accepted;
        _refusals = refusals;
    }

    /// <summary>The one tenant of all items; null when no item could be read.</summary>
    public string? TenantId { get; }

    public IReadOnlyList<NewMemory> Accepted { get; }

    /// <exception cref="ProblemException">The body as a whole cannot be taken.</exception>
    public static MessageBatch Read(ReadOnlySpan<byte> body)
    {
        var (items, refusals) = ReadItems(body);
        if (items.Length is 0 or > MaxItems)
        {
            throw ProblemException.Field("items", $"must have 1 to {MaxItems} messages, has {items.Length}");
        }

        string? tenant = null;
        var accepted = new List<NewMemory>(items.Length);
        for (var i = 0; i < items.Length; i++)
        {
            if (items[i] is not { } item)
            {
                continue;
            }

            tenant ??= item.TenantId;
            if (tenant != item.TenantId)
            {
                throw ProblemException.Field($"items[{i}].tenant_id", "must be the same for all items of a batch");
            }

            try
            {
                accepted.Add(MessageChecks.Check(item));
            }
            catch (ProblemException refusal)
            {
                refusals[i] = refusal;
            }
        }

        return new MessageBatch(tenant, accepted, refusals);
    }

    /// <summary>The answer, item by item in the order of the request.</summary>
    public StoreBatchResponse Answer(IReadOnlyList<Memory> stored, string path, string requestId)
    {
        var results = new StoreBatchResult[_refusals.Length];
        var next = 0;
        for (var i = 0; i < results.Length; i++)
        {
            results[i] = _refusals[i] is { } refusal
                ? new StoreBatchResult { Index = i, Error = ProblemAnswer.AsElement(refusal, path, requestId) }
                : new StoreBatchResult { Index = i, Id = stored[next++].Id };
        }

        return new StoreBatchResponse(results, stored.Count, results.Length - stored.Count);
    }

    private static (StoreMessageRequest?[] Items, ProblemException?[] Refusals) ReadItems(ReadOnlySpan<byte> body)
    {
        try
        {
            // Nearly every batch is right in every item, and then one pass is enough.
            var whole = JsonSerializer.Deserialize(body, WireJson.Of<StoreBatchRequest>());
            if (whole?.Items is { } items && !items.Contains(null!))
            {
                return ([.. items], new ProblemException?[items.Count]);
            }
        }
        catch (JsonException)
        {
            // Read again below, item by item: the wrong ones fail alone.
        }

        var raw = StrictJson.Parse(body, WireJson.Of<RawBatchRequest>()).Items;
        var read = new StoreMessageRequest?[raw.Count];
        var refusals = new ProblemException?[raw.Count];
        for (var i = 0; i < read.Length; i++)
        {
            try
            {
                read[i] = StrictJson.Parse(raw[i], WireJson.Of<StoreMessageRequest>());
            }
            catch (ProblemException refusal)
            {
                refusals[i] = refusal;
            }
        }

        return (read, refusals);
    }
}
