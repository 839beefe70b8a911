using System.Text.Json;
using Memoir.Kit.Data;
using Memoir.Server.Memories;
using Memoir.Server.Quality;
using Memoir.Server.Quality.Doubts;
using Memoir.Server.Recall;
using Memoir.Server.Wire;

namespace Memoir.Server.Voice;

/// <summary>From the core's memory to the wire's, with its importance at this moment.</summary>
internal sealed class MemoryAnswers(MemoryReader memories, TimeProvider time)
{
    public MemoryResponse Of(Memory memory) => Of(memory, similarity: null);

    public MemoryResponse Of(RecalledMemory recalled) => Of(recalled.Memory, Math.Round(recalled.Hit.Similarity, 4));

    private MemoryResponse Of(Memory memory, double? similarity) => new()
    {
        Id = memory.Id,
        Type = memory.Type,
        Key = memory.Key,
        Value = StoredJson.Element(new Json(memory.Value ?? $"{{\"content\":{JsonSerializer.Serialize(memory.Content, WireJson.Of<string>())}}}")),
        Content = memory.Content,
        UserId = memory.UserId,
        Scope = memory.Scope,
        Source = memory.Source,
        Categories = memory.Tags is { } tags ? JsonSerializer.Deserialize(tags, WireJson.Of<IReadOnlyList<string>>())! : [],
        Metadata = StoredJson.Element(memory.Metadata),
        Importance = Math.Round(memories.ImportanceAt(memory, time.GetUtcNow()), 4),
        Version = memory.Version,

        // A key is stated anew with every value: when it was first is what its reader asks for.
        CreatedAt = memory.Key is null ? memory.OccurredAt : memory.StoredAt,
        UpdatedAt = memory.UpdatedAt,
        ExpiresAt = memory.ExpiresAt,
        ValidFrom = memory.ValidFrom,
        ValidUntil = memory.ValidUntil,
        KnownUntil = memory.KnownUntil,
        VerifiedAt = memory.VerifiedAt,
        ReviewAfter = memory.ReviewAfter,
        ReviewDue = memory.ReviewAfter <= time.GetUtcNow() ? true : null,
        ArchivedAt = memory.ArchivedAt,
        Masked = Screening.Parse(memory.Masked),
        DuplicateOf = memory.DuplicateOf,
        Quarantine = DoubtJudge.Read(memory.Quarantine),
        Similarity = similarity,
    };
}
