using Memoir.Kit.Data;
using Memoir.Server.Embeddings.Stored;
using Memoir.Server.Quality;
using Memoir.Server.Quality.Doubts;
using Memoir.Server.Quality.Duplicates;
using Memoir.Server.Recall;

namespace Memoir.Server.Memories;

/// <summary>
/// A memory on its way into the database: all that needs no database is done before the write closure, on the request's
/// own thread, because the writer's time is everybody's time.
/// </summary>
internal sealed class MemoryDraft
{
    private readonly AnalysedMemory _analysed;
    private readonly bool _isDated;

    private MemoryDraft(Memory memory, bool isDated)
    {
        Statement = Statement.Of(memory);
        Memory = memory with { ContentHash = Statement?.Hash() };
        _isDated = isDated;
        _analysed = MemoryReader.Analyse(memory);
    }

    public Memory Memory { get; }

    /// <summary>By which it is known when it is said again; null where repetitions are not looked for.</summary>
    public Statement? Statement { get; }

    /// <summary>Why it should not be recalled before somebody has looked at it.</summary>
    public required IReadOnlyList<string> Doubts { get; init; }

    /// <summary>Whether it was asked at all if it is doubted.</summary>
    public required bool IsJudged { get; init; }

    public static IReadOnlyList<MemoryDraft> Prepare(Tenant tenant, IReadOnlyList<NewMemory> items, Writer writer, MemoryGate gate, DateTimeOffset now)
    {
        var drafts = new MemoryDraft[items.Count];
        for (var i = 0; i < drafts.Length; i++)
        {
            var item = items[i];
            var memory = ToMemory(item, writer, now);
            drafts[i] = new MemoryDraft(memory, item.OccurredAt is not null) { Doubts = gate.Judge(tenant, memory), IsJudged = gate.DoubtsAtAll };
        }

        return drafts;
    }

    /// <summary>The row of one that is new: beside the one that it repeats, else in quarantine where it is doubted.</summary>
    public Memory New(long sequence, Memory? first) => Memory with
    {
        Sequence = sequence,
        DuplicateOf = first?.Id,
        Quarantine = first is null ? DoubtJudge.Spell(Doubts) : null,
    };

    /// <summary>The row that replaces an older one: same identity and place, a new version.</summary>
    /// <param name="old">The older one.</param>
    /// <param name="now">When.</param>
    /// <param name="isRenewal">It says the same for longer: then it has been true since the older one was.</param>
    public Memory Replacing(Memory old, DateTimeOffset now, bool isRenewal = false) => Memory with
    {
        Id = old.Id,
        Sequence = old.Sequence,
        Version = old.Version + 1,
        OccurredAt = _isDated ? Memory.OccurredAt : Memory.Key is null ? old.OccurredAt : now, // A key is stated anew, a message corrected.
        ValidFrom = isRenewal ? old.ValidFrom ?? old.OccurredAt : Memory.ValidFrom,
        ValidUntil = isRenewal ? old.ValidUntil : Memory.ValidUntil,
        VerifiedAt = isRenewal ? old.VerifiedAt : null,
        ReviewAfter = isRenewal ? Memory.ReviewAfter ?? old.ReviewAfter : Memory.ReviewAfter,
        StoredAt = old.StoredAt,
        UpdatedAt = now,
        RestoredAt = old.ArchivedAt is null ? old.RestoredAt : now,
        Quarantine = old.ReleasedAt is not null ? null
            : IsJudged ? DoubtJudge.Spell([.. Doubts.Where(reason => reason != DoubtReason.RecalledEcho)]) // It may well be what was recalled.
            : old.Quarantine,
        ReleasedAt = old.ReleasedAt,
    };

    /// <summary>Says nothing that the older row does not: there is no version to keep. One whose embedding failed is worth another try.</summary>
    public bool Repeats(Memory old, DateTimeOffset now) => SaysSame(old, now) && (Memory.Key is null || Memory.ExpiresAt == old.ExpiresAt || IsAboutAsLong(old));

    /// <summary>Says nothing that the older row does not, but for longer, or shorter.</summary>
    public bool Renews(Memory old, DateTimeOffset now) => Memory.Key is not null && SaysSame(old, now);

    private bool SaysSame(Memory old, DateTimeOffset now) =>
        old.EmbeddingStatus != EmbeddingStatus.Failed
        && (old.IsTrueAt(now) || (Memory.ValidFrom == old.ValidFrom && Memory.ValidUntil == old.ValidUntil))
        && Replacing(old, old.UpdatedAt) with
        {
            Version = old.Version,
            ImportanceBase = old.ImportanceBase,
            Writer = old.Writer,
            Channel = old.Channel,
            EmbeddingStatus = old.EmbeddingStatus,
            Masked = old.Masked,
            ContentHash = old.ContentHash,
            DuplicateOf = old.DuplicateOf,
            Quarantine = old.Quarantine,
            OccurredAt = _isDated ? Memory.OccurredAt : old.OccurredAt,
            ValidFrom = Memory.ValidFrom ?? old.ValidFrom,
            VerifiedAt = old.VerifiedAt,
            ReviewAfter = Memory.ReviewAfter ?? old.ReviewAfter,
            ExpiresAt = old.ExpiresAt,
        } == old;

    /// <summary>Who states the same again and again renews its time when a twentieth of it is over, not with a version each time.</summary>
    private bool IsAboutAsLong(Memory old) =>
        Memory.ExpiresAt is { } wanted && old.ExpiresAt is { } stands && wanted >= stands && wanted - stands <= (wanted - Memory.StoredAt) / 20;

    /// <summary>The index entry of the row as it was stored.</summary>
    public AnalysedMemory AnalysedAs(Memory stored)
    {
        if (stored.IsHidden
            || (stored.OccurredAt, stored.UpdatedAt, stored.ValidFrom, stored.ValidUntil) != (Memory.OccurredAt, Memory.UpdatedAt, Memory.ValidFrom, Memory.ValidUntil))
        {
            return MemoryReader.Analyse(stored);
        }

        _analysed.Sequence = stored.Sequence;
        return _analysed;
    }

    private static Memory ToMemory(NewMemory item, Writer writer, DateTimeOffset now) => new()
    {
        Id = Guid.CreateVersion7(now),
        Sequence = 0, // Assigned in the write.
        Version = 1,
        Type = item.Type,
        UserId = item.UserId,
        ConversationId = item.ConversationId,
        Role = item.Role,
        Name = item.Name,
        ExternalId = item.ExternalId,
        Key = item.Key,
        Content = item.Content,
        Value = item.Value,
        Metadata = item.Metadata,
        Tags = item.Tags,
        Scope = item.Scope,
        ImportanceBase = Importance.Base(item.Role, item.Content),
        ImportanceOverride = item.ImportanceOverride,
        Source = item.Source,
        SourceClass = item.Role ?? "user",
        Writer = writer.Credential,
        Channel = writer.Channel,
        OccurredAt = item.OccurredAt ?? now,
        StoredAt = now,
        UpdatedAt = now,
        ValidFrom = item.ValidFrom,
        ValidUntil = item.ValidUntil,
        ReviewAfter = item.ReviewAfter,
        ExpiresAt = item.ExpiresAt,
        Masked = item.Masked,
        EmbeddingStatus = "", // Decided in the write.
    };
}
