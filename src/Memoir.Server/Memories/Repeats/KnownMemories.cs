using Memoir.Kit.Data;

namespace Memoir.Server.Memories.Repeats;

/// <summary>What of a write is there already: a memory is replaced by one with its external id, or of its type under its key for the same user.</summary>
internal sealed class KnownMemories
{
    private readonly Dictionary<string, Memory> _byExternalId;
    private readonly Dictionary<(string Type, string Key, string? User), Memory> _byKey = [];

    private KnownMemories(Dictionary<string, Memory> byExternalId) => _byExternalId = byExternalId;

    public static async Task<KnownMemories> FindAsync(Session session, IReadOnlyList<MemoryDraft> drafts)
    {
        var known = new KnownMemories(await MemoryStore.FindByExternalIdAsync(
            session, [.. drafts.Select(draft => draft.Memory.ExternalId).OfType<string>().Distinct(StringComparer.Ordinal)]));
        var keyed = drafts.Where(draft => draft.Memory.Key is not null).Select(draft => draft.Memory).ToList();
        if (keyed.Count > 0)
        {
            var found = await MemoryStore.FindByKeyAsync(
                session, [.. keyed.Select(memory => memory.Key!).Distinct(StringComparer.Ordinal)], [.. keyed.Select(memory => memory.UserId ?? "").Distinct(StringComparer.Ordinal)]);
            foreach (var memory in found)
            {
                known.Add(memory);
            }
        }

        return known;
    }

    /// <summary>What this one replaces; null when it is new.</summary>
    public Memory? Of(Memory memory) =>
        memory.ExternalId is { } externalId && _byExternalId.TryGetValue(externalId, out var named) ? named
        : memory.Key is { } key ? _byKey.GetValueOrDefault((memory.Type, key, memory.UserId))
        : null;

    /// <summary>A later one of the same write may replace this one again.</summary>
    public void Add(Memory memory)
    {
        if (memory.ExternalId is { } externalId)
        {
            _byExternalId[externalId] = memory;
        }

        if (memory.Key is { } key)
        {
            _byKey[(memory.Type, key, memory.UserId)] = memory;
        }
    }
}
