using System.Text.Json;
using Memoir.Kit.Data;
using Memoir.Server.Recall;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Memories;

/// <summary>Reads memories for the rooms that only look at them, and says what of a memory the index needs.</summary>
internal sealed class MemoryReader(Database database, IOptions<MemoryOptions> options)
{
    private readonly double _halfLifeDays = options.Value.ImportanceHalfLifeDays;

    /// <summary>The memories at these places; those that are gone are left out.</summary>
    public static Task<IReadOnlyList<Memory>> ListBySequenceAsync(Session session, IReadOnlyList<long> sequences) =>
        MemoryStore.ListBySequenceAsync(session, sequences);

    /// <inheritdoc cref="ListBySequenceAsync(Session, IReadOnlyList{long})"/>
    public Task<IReadOnlyList<Memory>> ListBySequenceAsync(Tenant tenant, IReadOnlyList<long> sequences, CancellationToken ct) =>
        database.ReadAsync(tenant, session => ListBySequenceAsync(session, sequences), ct);

    /// <summary>The memories written after a place in the tenant's order, analysed for the index.</summary>
    public static async Task AnalyseAfterAsync(Session session, long sequence, Action<AnalysedMemory, long> add)
    {
        const int portion = 500;
        IReadOnlyList<Memory> rows;
        do
        {
            rows = await MemoryStore.ListAfterAsync(session, sequence, portion);
            foreach (var row in rows)
            {
                add(Analyse(row), row.Version);
                sequence = row.Sequence;
            }
        }
        while (rows.Count == portion);
    }

    /// <summary>Every memory's place and text, in the tenant's order.</summary>
    public static Task ScanContentAsync(Session session, Action<long, string> read) => MemoryStore.ScanContentAsync(session, read);

    public double ImportanceAt(Memory memory, DateTimeOffset now) =>
        Importance.At(memory.ImportanceBase, memory.ImportanceOverride, memory.OccurredAt, now, _halfLifeDays);

    public double ImportanceAt(double basePart, double? given, DateTimeOffset occurredAt, DateTimeOffset now) =>
        Importance.At(basePart, given, occurredAt, now, _halfLifeDays);

    public static AnalysedMemory Analyse(Memory memory) => Analyzer.Analyse(
        new IndexedMemory(memory.Sequence, memory.ConversationId, memory.Content, memory.OccurredAt)
        {
            UserId = memory.UserId,
            Name = memory.Name,
            Role = RoleOf(memory.Role),
            Type = memory.Type,
            Metadata = Parsed(memory.Metadata),
            Archived = memory.ArchivedAt is not null,
            ExpiresAt = memory.ExpiresAt,
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
