using Memoir.Kit.Data;
using Memoir.Server.Memories;
using Memoir.Server.Quality;
using Memoir.Server.Quality.Doubts;
using Memoir.Server.Wire;

namespace Memoir.Server.Messages;

/// <summary>From a memory to the wire's message, with its importance at this moment.</summary>
internal sealed class MessageAnswers(MemoryReader memories, TimeProvider time)
{
    public MessageResponse Of(Memory memory, Tenant tenant) => new()
    {
        Id = memory.Id,
        ExternalId = memory.ExternalId,
        TenantId = tenant.Id,
        ConversationId = memory.ConversationId,
        UserId = memory.UserId,
        Name = memory.Name,
        Role = memory.Role,
        Content = memory.Content,
        Metadata = StoredJson.Element(memory.Metadata),
        ImportanceScore = Math.Round(memories.ImportanceAt(memory, time.GetUtcNow()), 4),
        EmbeddingStatus = memory.EmbeddingStatus,
        CreatedAt = memory.OccurredAt,
        StoredAt = memory.StoredAt,
        UpdatedAt = memory.UpdatedAt,
        ArchivedAt = memory.ArchivedAt,
        Masked = Screening.Parse(memory.Masked),
        DuplicateOf = memory.DuplicateOf,
        Quarantine = DoubtJudge.Read(memory.Quarantine),
    };
}
