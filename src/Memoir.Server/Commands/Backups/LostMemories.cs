using System.Text.Json;
using System.Text.Json.Serialization;
using Memoir.Kit.Data;
using Memoir.Kit.Data.Sqlite.Recovery;

namespace Memoir.Server.Commands.Backups;

/// <summary>
/// What a damaged database had and the backup has not, as far as it can still be read: a list of memories that
/// <c>memoir import</c> takes, and a line for each tenant.
/// </summary>
internal sealed class LostMemories(IReadOnlyDictionary<string, long> restored, DateTimeOffset backedUp)
{
    private const string Columns = """
        rowid, tenant_id, sequence, stored_at, updated_at, conversation_id, role, content, user_id, name, external_id, source,
        occurred_at, metadata, importance_override, importance_override IS NOT NULL, archive_file IS NOT NULL
        """;

    private readonly SortedDictionary<string, LostOfTenant> _tenants = new(StringComparer.Ordinal);

    /// <summary>Whether every memory of the damaged file could be read.</summary>
    public bool IsWhole { get; private set; }

    /// <summary>Memories that the backup has in an older version.</summary>
    public long Changed { get; private set; }

    /// <summary>Memories that the backup has not, whose texts are not in the damaged file but in the folder of the archive.</summary>
    public long Archived { get; private set; }

    public long Count => _tenants.Values.Sum(tenant => tenant.Count);

    public IEnumerable<LostOfTenant> Tenants => _tenants.Values;

    /// <summary>Reads all that can be read, and writes the memories that the backup lacks to the list.</summary>
    /// <param name="damaged">Null when nothing of it can be read.</param>
    /// <param name="list">A line for each.</param>
    public void Read(SqliteSalvage? damaged, Stream list)
    {
        if (damaged is null)
        {
            return;
        }

        IsWhole = damaged.Scan(Columns, "memories", row => Take(row, list));

        // How far the sequence had come says how many are lost, also where the memories themselves cannot be read.
        IsWhole &= damaged.Scan("rowid, tenant_id, last_sequence", "tenants", row =>
        {
            if (row.Number(2) > restored.GetValueOrDefault(row.Text(1)))
            {
                Of(row.Text(1)).Last = row.Number(2);
            }
        });
    }

    private static string? Optional(string text) => text.Length == 0 ? null : text;

    private void Take(SqlRow row, Stream list)
    {
        var tenant = row.Text(1);
        if (row.Number(2) <= restored.GetValueOrDefault(tenant))
        {
            Changed += Instants.FromMicrosecondsClamped(row.Number(4)) > backedUp ? 1 : 0;
            return;
        }

        var lost = Of(tenant);
        if (row.Number(16) == 1)
        {
            Archived++;
            lost.Last = Math.Max(lost.Last, row.Number(2));
            return; // Its text stands in the folder of the archive.
        }

        lost.Count++;
        lost.Last = Math.Max(lost.Last, row.Number(2));
        var storedAt = Instants.FromMicrosecondsClamped(row.Number(3));
        lost.From = lost.From is { } from && from < storedAt ? from : storedAt;
        lost.To = lost.To is { } to && to > storedAt ? to : storedAt;
        var line = new LostMemory
        {
            TenantId = tenant,
            ConversationId = row.Text(5),
            Role = row.Text(6),
            Content = row.Text(7),
            UserId = Optional(row.Text(8)),
            Name = Optional(row.Text(9)),
            ExternalId = Optional(row.Text(10)),
            Source = Optional(row.Text(11)),
            CreatedAt = Instants.FromMicrosecondsClamped(row.Number(12)),
            Metadata = Metadata(row.Text(13)),
            ImportanceOverride = row.Number(15) == 0 ? null : row.Real(14),
        };
        list.Write(JsonSerializer.SerializeToUtf8Bytes(line, LostJson.Default.LostMemory));
        list.WriteByte((byte)'\n');
    }

    private LostOfTenant Of(string tenant)
    {
        if (!_tenants.TryGetValue(tenant, out var lost))
        {
            _tenants[tenant] = lost = new LostOfTenant(tenant, restored.GetValueOrDefault(tenant));
        }

        return lost;
    }

    private static JsonElement? Metadata(string text)
    {
        try
        {
            using var metadata = JsonDocument.Parse(text);
            return metadata.RootElement.Clone();
        }
        catch (JsonException)
        {
            return null; // The page that held it is damaged.
        }
    }
}

/// <summary>What one tenant lost.</summary>
/// <param name="tenant">Whose.</param>
/// <param name="restored">The last of the sequence that the backup has.</param>
internal sealed class LostOfTenant(string tenant, long restored)
{
    /// <summary>Those that could still be read.</summary>
    public long Count { get; set; }

    public long Last { get; set; }

    public DateTimeOffset? From { get; set; }

    public DateTimeOffset? To { get; set; }

    public override string ToString() => FormattableString.Invariant(
        $"tenant {tenant}: sequence {restored + 1} to {Last}, of which {Count:N0} memories can still be read{(From is null ? "" : $", stored {From:yyyy-MM-ddTHH:mm:ssZ} to {To:yyyy-MM-ddTHH:mm:ssZ}")}");
}

/// <summary>A line that <c>memoir import</c> takes.</summary>
internal sealed record LostMemory
{
    public required string TenantId { get; init; }

    public required string ConversationId { get; init; }

    public required string Role { get; init; }

    public required string Content { get; init; }

    public JsonElement? Metadata { get; init; }

    public double? ImportanceOverride { get; init; }

    public string? UserId { get; init; }

    public string? Name { get; init; }

    public string? ExternalId { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public string? Source { get; init; }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(LostMemory))]
internal sealed partial class LostJson : JsonSerializerContext;
