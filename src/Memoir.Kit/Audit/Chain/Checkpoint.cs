using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Kit.Security;

namespace Memoir.Kit.Audit.Chain;

/// <summary>
/// A signed line outside the database: how far a tenant's chain had come, and its hash there. Who can write to the database
/// alone can make no other one.
/// </summary>
public sealed record Checkpoint
{
    /// <summary>The chain went on.</summary>
    public const string Seen = "checkpoint";

    /// <summary>The database was set back on purpose: what older lines say of later places does not count.</summary>
    public const string Restored = "restore";

    /// <summary>The first bytes of each hash, so that a chain that was written anew shows where that begins.</summary>
    internal const int MarkLength = 4;

    private const string Purpose = "audit-checkpoint";
    private static readonly byte[] FirstField = Encoding.UTF8.GetBytes("memoir-audit-checkpoint-1");

    public required string Kind { get; init; }

    public required string TenantId { get; init; }

    /// <summary>The place of the first mark.</summary>
    public required long From { get; init; }

    /// <summary>The last place; 0 for a chain without any.</summary>
    public required long Position { get; init; }

    public required byte[] Hash { get; init; }

    public required DateTimeOffset At { get; init; }

    /// <summary>Of each place from <see cref="From"/> to <see cref="Position"/>; zeros where another process sealed.</summary>
    public required byte[] Marks { get; init; }

    public Signature? Signature { get; init; }

    public Checkpoint SignedBy(InstanceKeys keys) => this with { Signature = keys.Sign(Purpose, Bytes()) };

    public bool IsSignedBy(InstanceKeys keys) => Signature is not null && keys.Verify(Purpose, Bytes(), Signature);

    /// <summary>What the marks say of a place; null when they say nothing.</summary>
    public byte[]? MarkOf(long position)
    {
        var at = (position - From) * MarkLength;
        return position >= From && at + MarkLength <= Marks.Length && Marks.AsSpan((int)at, MarkLength).ContainsAnyExcept((byte)0)
            ? Marks.AsSpan((int)at, MarkLength).ToArray()
            : null;
    }

    /// <summary>One line of JSON, with its line feed.</summary>
    public byte[] ToLine()
    {
        using var line = new MemoryStream();
        using (var json = new Utf8JsonWriter(line))
        {
            json.WriteStartObject();
            json.WriteString("kind", Kind);
            json.WriteString("tenant_id", TenantId);
            json.WriteNumber("from", From);
            json.WriteNumber("position", Position);
            json.WriteString("hash", Convert.ToHexStringLower(Hash));
            json.WriteString("at", WireInstant.Format(At));
            json.WriteString("marks", Base64Url.EncodeToString(Marks));
            json.WriteString("key_id", Signature!.KeyId);
            json.WriteString("signature", Signature.Value);
            json.WriteEndObject();
        }

        line.WriteByte((byte)'\n');
        return line.ToArray();
    }

    /// <returns>Null for what is no whole line: a power cut may leave the part of one.</returns>
    public static Checkpoint? Parse(string line)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            return json.RootElement.ValueKind == JsonValueKind.Object ? Read(json.RootElement) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static Checkpoint? Read(JsonElement line)
    {
        string Text(string name) => line.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";
        long Number(string name) => line.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) ? number : -1;

        var hash = Text("hash");
        return Number("from") >= 0 && Number("position") >= 0 && hash.Length == 2 * ChainHash.Length && hash.All(char.IsAsciiHexDigit)
            && WireInstant.TryParse(Text("at"), out var at) && Base64Url.IsValid(Text("marks"))
            ? new Checkpoint
            {
                Kind = Text("kind"),
                TenantId = Text("tenant_id"),
                From = Number("from"),
                Position = Number("position"),
                Hash = Convert.FromHexString(hash),
                At = at,
                Marks = Base64Url.DecodeFromChars(Text("marks")),
                Signature = new Signature(Text("key_id"), Text("signature")),
            }
            : null;
    }

    private ReadOnlySpan<byte> Bytes()
    {
        var fields = new ChainHash.ArrayWriter();
        return fields.Bytes(FirstField).Text(Kind).Text(TenantId).Number(From).Number(Position).Bytes(Hash).Number(At.ToMicroseconds()).Bytes(Marks).Written;
    }
}
