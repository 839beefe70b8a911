using Memoir.Kit.Data;
using Memoir.Server.Memories.Periods;
using Memoir.Server.Recall.Indexes;

namespace Memoir.Server.Memories.Repeats;

/// <summary>Sees to it that what repeats a memory is recalled in its place when that one goes, or says something else.</summary>
internal static class DuplicateLinks
{
    /// <summary>Those of the memories at these places that others repeat: asked while they are there.</summary>
    public static async Task<IReadOnlyList<Guid>> ListRepeatedAsync(Session session, IReadOnlyList<long> sequences) =>
        sequences.Count == 0 ? [] : await DuplicateStore.ListRepeatedAsync(session, sequences);

    /// <summary>The oldest of those that repeat a memory takes its place, and is recalled from now on.</summary>
    /// <param name="session">Where the memory has just changed, gone, or been archived.</param>
    /// <param name="write">What it does to the index.</param>
    /// <param name="firsts">What was repeated.</param>
    /// <param name="liveAlone">What is archived is not asked to stand for what is.</param>
    public static async Task PassOnAsync(Session session, IndexWrite write, IEnumerable<Guid> firsts, bool liveAlone = false)
    {
        foreach (var first in firsts)
        {
            if (await DuplicateStore.FindHeirAsync(session, first) is { } place && await MemoryStore.ListBySequenceAsync(session, [place]) is [var next]
                && (!liveAlone || next.ArchivedAt is null))
            {
                var heir = next with { DuplicateOf = null, Version = next.Version + 1 };
                await MemoryStore.UpdateAsync(session, heir);
                await DuplicateStore.RelinkAsync(session, first, heir.Id);
                var analysed = MemoryReader.Analyse(heir);
                analysed.LacksText = heir.ArchiveFile is not null; // It is read when the index is.
                await write.ReplaceAsync(analysed, heir.Version, heir.Content, await write.StoredVectorAsync(heir.Sequence));
                await MemoryPeriods.ShowAsync(session, write, heir);
            }
        }
    }

    /// <summary>Where the index is built anew anyway: what repeats a memory that is gone stands for itself.</summary>
    public static Task FreeOrphansAsync(Session session) => DuplicateStore.FreeOrphansAsync(session);
}
