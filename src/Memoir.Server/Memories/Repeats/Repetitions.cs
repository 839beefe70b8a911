using Memoir.Kit.Data;
using Memoir.Server.Memories.Periods;
using Memoir.Server.Quality.Doubts;
using Memoir.Server.Quality.Duplicates;
using Memoir.Server.Recall.Indexes;

namespace Memoir.Server.Memories.Repeats;

/// <summary>What of a write was said before, or earlier in the same write.</summary>
internal sealed class Repetitions
{
    /// <summary>Who says the same again and again renews its age once a day.</summary>
    private static readonly TimeSpan Renewal = TimeSpan.FromDays(1);

    private readonly Dictionary<Statement, Memory> _firsts = [];
    private readonly DateTimeOffset _now;

    private Repetitions(DateTimeOffset now) => _now = now;

    public static async Task<Repetitions> FindAsync(Session session, IReadOnlyList<MemoryDraft> drafts, DateTimeOffset now)
    {
        var known = new Repetitions(now);
        var hashes = drafts.Select(draft => draft.Memory.ContentHash).OfType<long>().Distinct().ToList();
        if (hashes.Count > 0 && await DuplicateStore.FindFirstsAsync(session, hashes, now) is { Count: > 0 } sequences)
        {
            foreach (var memory in (await MemoryStore.ListBySequenceAsync(session, sequences)).OrderBy(memory => memory.Sequence))
            {
                known.Add(Statement.Of(memory), memory);
            }
        }

        return known;
    }

    /// <summary>
    /// The memory that says the same already. What is doubted repeats only what somebody let in, or another doubted memory
    /// that no conversation is in need of.
    /// </summary>
    public Memory? Of(MemoryDraft draft)
    {
        if (draft.Statement is null || !_firsts.TryGetValue(draft.Statement, out var first) || first.IsOverAt(_now))
        {
            return null;
        }

        if (first.Type == MemoryType.Message && first.ExpiresAt < (draft.Memory.ExpiresAt ?? DateTimeOffset.MaxValue))
        {
            return null; // It would be gone before its repetition.
        }

        var isDoubted = draft.Doubts.Any(reason => reason != DoubtReason.RecalledEcho);
        var isWanted = first.Quarantine is null ? !isDoubted || first.ReleasedAt is not null : isDoubted && first.Type != MemoryType.Message;
        return isWanted ? first : null;
    }

    /// <summary>A later one of the same write may repeat this one.</summary>
    public void Add(Statement? statement, Memory memory)
    {
        if (statement is not null && memory.DuplicateOf is null
            && (!_firsts.TryGetValue(statement, out var known) || known.IsOverAt(_now) || known.Id == memory.Id || (known.Quarantine is not null && memory.Quarantine is null)))
        {
            _firsts[statement] = memory;
        }
    }

    /// <summary>In place of a repetition: the memory that says the same, which from now on lives as long as the repetition would.</summary>
    /// <returns>That memory, linked to itself: in the answer alone, for it is that one.</returns>
    public async Task<Memory> StandAsync(
        Session session, IndexWrite write, Memory first, MemoryDraft again, Writer writer, Func<Memory, Task> prepare)
    {
        var standing = first;
        if (_now - (first.RestoredAt ?? first.StoredAt) >= Renewal)
        {
            standing = first with { RestoredAt = _now, VerifiedAt = _now }; // It is still so: its age counts from now.
            await MemoryStore.UpdateAsync(session, standing);
            Add(again.Statement, standing);
        }

        if (first.ExpiresAt is { } end && (again.Memory.ExpiresAt is not { } wanted || wanted > end))
        {
            await prepare(first);
            standing = standing with { Version = first.Version + 1, UpdatedAt = MemoryPeriods.After(first, _now), ExpiresAt = again.Memory.ExpiresAt };
            await MemoryStore.InsertVersionAsync(session, first.Id, MemorySnapshot.Of(first, "replace", writer.Credential, _now));
            standing = await MemoryPeriods.TellAsync(session, write, first, corrected: first, standing);
            await MemoryStore.UpdateAsync(session, standing);
            await write.ReplaceAsync(MemoryReader.Analyse(standing), standing.Version, standing.Content, await write.StoredVectorAsync(first.Sequence));
            Add(again.Statement, standing);
        }

        return standing with { DuplicateOf = standing.Id };
    }
}
