using System.Text.Json;
using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Server.Access;
using Memoir.Server.Memories;

namespace Memoir.Server.Messages;

/// <summary>The rules of a message's fields, and the way from the wire's message to a memory.</summary>
internal static class MessageChecks
{
    private static readonly DateTimeOffset LatestFuture = new(9999, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <exception cref="ProblemException">422 with every field that breaks its rule.</exception>
    public static NewMemory Check(StoreMessageRequest request)
    {
        var checks = new FieldChecks()
            .Length("conversation_id", request.ConversationId, 1, 255)
            .OneOf("role", request.Role, "user", "assistant", "system", "tool")
            .Length("content", request.Content, 1, 100_000)
            .Range("importance_override", request.ImportanceOverride, 0, 1)
            .Length("user_id", request.UserId, 1, 255)
            .Length("name", request.Name, 1, 128)
            .Length("external_id", request.ExternalId, 1, 255)
            .Length("source", request.Source, 1, 255);
        if (!TenantId.IsValid(request.TenantId))
        {
            checks.Add("tenant_id", TenantId.Rule);
        }

        if (request.CreatedAt >= LatestFuture)
        {
            checks.Add("created_at", "must be before the year 9999");
        }

        var metadata = MetadataRules.Check(checks, request.Metadata);
        checks.ThrowIfAny();
        return new NewMemory
        {
            Type = MemoryType.Message,
            ConversationId = request.ConversationId,
            Role = request.Role,
            Content = request.Content,
            Metadata = metadata,
            ImportanceOverride = request.ImportanceOverride,
            UserId = request.UserId,
            Name = request.Name,
            ExternalId = request.ExternalId,
            Source = request.Source,
            OccurredAt = request.CreatedAt,
        };
    }

    /// <exception cref="ProblemException">422 with every field that breaks its rule.</exception>
    public static Func<Memory, Memory> Check(PatchMessageRequest request)
    {
        var checks = new FieldChecks();
        Json? metadata = request.Metadata.ValueKind is JsonValueKind.Undefined ? null : MetadataRules.Check(checks, request.Metadata);
        var importance = request.ImportanceOverride;
        double? given = importance.ValueKind is JsonValueKind.Number ? importance.GetDouble() : null;
        if (importance.ValueKind is not (JsonValueKind.Undefined or JsonValueKind.Null or JsonValueKind.Number))
        {
            throw ProblemException.Body("importance_override", "must be a number or null");
        }

        if (given is { } number && !double.IsFinite(number))
        {
            throw ProblemException.Body("importance_override", "must be a number in range");
        }

        checks.Range("importance_override", given, 0, 1).ThrowIfAny();
        return memory => memory with
        {
            Metadata = metadata ?? memory.Metadata,
            ImportanceOverride = importance.ValueKind is JsonValueKind.Undefined ? memory.ImportanceOverride : given,
        };
    }
}
