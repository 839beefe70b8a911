using Memoir.Kit.Http;
using Memoir.Server.Memories;
using Memoir.Server.Quality;
using Memoir.Server.Wire;

namespace Memoir.Server.Messages;

/// <summary>A batch whose items were judged one by one.</summary>
internal sealed class MessageBatch
{
    private readonly ProblemException?[] _refusals;

    private MessageBatch(string? tenantId, IReadOnlyList<NewMemory> accepted, ProblemException?[] refusals)
    {
        TenantId = tenantId;
        Accepted = accepted;
        _refusals = refusals;
    }

    /// <summary>The one tenant of all items; null when no item could be read.</summary>
    public string? TenantId { get; }

    public IReadOnlyList<NewMemory> Accepted { get; private set; }

    /// <exception cref="ProblemException">The body as a whole cannot be taken.</exception>
    public static MessageBatch Read(ReadOnlySpan<byte> body)
    {
        var (items, refusals) = BatchItems.Read<StoreBatchRequest, StoreMessageRequest>(body, whole => whole.Items);
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

    /// <summary>Refuses those of the accepted items that the tenant's policy does not let in, each alone.</summary>
    /// <param name="judged">Each of them, as it may be stored.</param>
    public void Refuse(JudgedItems judged) => Accepted = BatchItems.Without(_refusals, judged.Items, judged.Refusals);

    /// <summary>The answer, item by item in the order of the request.</summary>
    public StoreBatchResponse Answer(IReadOnlyList<Memory> stored, string path, string requestId) =>
        BatchItems.AnswerOf(_refusals, stored, path, requestId);
}
