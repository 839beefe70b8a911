using System.Text.Json;
using Memoir.Kit.Data;
using Memoir.Server.Memories.Periods;
using Memoir.Server.Recall;
using Memoir.Server.Retention.Archive;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Memories;

/// <summary>Reads memories for the rooms that only look at them, and says what of a memory the index needs.</summary>
internal sealed class MemoryReader(Database database, RetentionArchive archive, IOptions<MemoryOptions> options)
{
    /// <summary>Of text that one answer holds, about: all of it is in memory until its reader has it.</summary>
    public const int MostCharacters = 2_000_000;

    private const int PortionSize = 32;

    private readonly double _halfLifeDays = options.Value.ImportanceHalfLifeDays;

    /// <summary>The memories at these places; those that are gone are left out. Texts that stand in the archive's files are not read.</summary>
    public static Task<IReadOnlyList<Memory>> ListBySequenceAsync(Session session, IReadOnlyList<long> sequences) =>
        MemoryStore.ListBySequenceAsync(session, sequences);

    /// <summary>The same with their texts, analysed for the index.</summary>
    public async Task AnalyseAsync(Session session, IReadOnlyList<long> sequences, Action<Memory, AnalysedMemory> add)
    {
        foreach (var row in await MemoryStore.ListBySequenceAsync(session, sequences))
        {
            await AnalyseAsync(session, row, add);
        }

        foreach (var memory in await PeriodReader.ListBySequenceAsync(session, sequences))
        {
            if (memory.ArchivedAt is null)
            {
                add(memory, Analyse(memory));
            }
        }
    }

    /// <summary>The memories at these places, the first ones first, until one answer could not hold more.</summary>
    /// <param name="tenant">Whose memories they are.</param>
    /// <param name="sequences">Their places.</param>
    /// <param name="isWanted">Asked first, in the same snapshot; when it says no, nothing else is read.</param>
    /// <param name="ct">Ends the reading.</param>
    public Task<Dictionary<long, Memory>> FindBySequenceAsync(
        Tenant tenant, IReadOnlyList<long> sequences, Func<Session, Task<bool>> isWanted, CancellationToken ct) =>
        database.ReadAsync(tenant, async session =>
        {
            if (!await isWanted(session))
            {
                return [];
            }

            var found = new Dictionary<long, Memory>(sequences.Count);
            var characters = 0L;
            foreach (var portion in sequences.Chunk(PortionSize))
            {
                foreach (var row in await MemoryStore.ListBySequenceAsync(session, portion))
                {
                    Add(await archive.FillAsync(tenant, row, ct));
                }

                foreach (var memory in await PeriodReader.ListBySequenceAsync(session, [.. portion.Where(sequence => !found.ContainsKey(sequence))]))
                {
                    Add(memory);
                }

                if (characters >= MostCharacters)
                {
                    break;
                }
            }

            return found;

            void Add(Memory memory)
            {
                found[memory.Sequence] = memory;
                characters += CharactersOf(memory);
            }
        }, ct);

    /// <summary>What a memory adds to an answer, about.</summary>
    public static long CharactersOf(Memory memory) => memory.Content.Length + memory.Metadata.Text.Length + (memory.Value?.Length ?? 0);

    /// <summary>The memories written after a place in the tenant's order, analysed for the index.</summary>
    public async Task AnalyseAfterAsync(Session session, long sequence, Action<Memory, AnalysedMemory> add)
    {
        const int portion = 500;
        for (var last = sequence; last < long.MaxValue;)
        {
            (var memories, last) = await PeriodReader.ListAfterAsync(session, last);
            foreach (var memory in memories)
            {
                add(memory, Analyse(memory));
            }
        }

        IReadOnlyList<Memory> rows;
        do
        {
            rows = await MemoryStore.ListAfterAsync(session, sequence, portion);
            foreach (var row in rows)
            {
                await AnalyseAsync(session, row, add);
                sequence = row.Sequence;
            }
        }
        while (rows.Count == portion);
    }

    /// <summary>The place and text of every memory that may have a vector, in the tenant's order.</summary>
    public static async Task ScanContentAsync(Session session, Action<long, string> read)
    {
        await MemoryStore.ScanContentAsync(session, read);
        for (var last = 0L; last < long.MaxValue;)
        {
            (var memories, last) = await PeriodReader.ListAfterAsync(session, last);
            foreach (var memory in memories)
            {
                read(memory.Sequence, memory.Content);
            }
        }
    }

    public double ImportanceAt(Memory memory, DateTimeOffset now) =>
        Importance.At(memory.ImportanceBase, memory.ImportanceOverride, memory.OccurredAt, now, _halfLifeDays);

    public double ImportanceAt(double basePart, double? given, DateTimeOffset occurredAt, DateTimeOffset now) =>
        Importance.At(basePart, given, occurredAt, now, _halfLifeDays);

    public static AnalysedMemory Analyse(Memory memory) => Analyzer.Analyse(
        new IndexedMemory(memory.Sequence, memory.ConversationId, memory.Content, memory.OccurredAt)
        {
            UserId = memory.Scope == MemoryScope.Shared ? IndexedMemory.Everybody : memory.UserId,
            Name = memory.Name,
            Role = RoleOf(memory.Role),
            Type = memory.Type,
            Metadata = Parsed(memory.Metadata),
            Archived = memory.ArchivedAt is not null,
            Hidden = memory.IsHidden,
            ExpiresAt = memory.ExpiresAt,
            KnownFrom = memory.UpdatedAt,
            KnownUntil = memory.KnownUntil,
            ValidFrom = memory.ValidFrom,
            ValidUntil = memory.ValidUntil,
            Importance = (float)memory.ImportanceBase,
            ImportanceOverride = (float?)memory.ImportanceOverride,
        });

    public static MemoryRole RoleOf(string? role) => role switch
    {
        "assistant" => MemoryRole.Assistant,
        "system" => MemoryRole.System,
        "tool" => MemoryRole.Tool,
        _ => MemoryRole.User,
    };

    private async Task AnalyseAsync(Session session, Memory row, Action<Memory, AnalysedMemory> add)
    {
        var filled = await archive.FillForIndexAsync(session.Tenant, row, CancellationToken.None);
        var analysed = Analyse(filled ?? row);
        analysed.LacksText = filled is null;
        add(filled ?? row, analysed);
    }

    public static JsonElement? Parsed(Json metadata)
    {
        if (metadata.Text.Length <= 2)
        {
            return null;
        }

        using var document = JsonDocument.Parse(metadata.Text);
        return document.RootElement.Clone();
    }
}
