using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Memoir.Kit.Http;
using Memoir.Server.Messages;
using Memoir.Server.Wire;

namespace Memoir.Server.Commands.Import;

/// <summary>What goes to the server in one request, with what was refused on the way: one step of the file.</summary>
internal sealed class ImportBatch
{
    private const int MaxBytes = 4 * 1024 * 1024;
    private readonly ArrayBufferWriter<byte> _items = new(64 * 1024);
    private readonly List<SourceEntry> _entries = [];
    private readonly List<Range> _places = [];
    private readonly List<SourceEntry> _refused = [];
    private long _refusedBytes;

    /// <summary>The tenant of all its messages.</summary>
    public string? Tenant { get; private set; }

    /// <summary>Where the source stood after its last entry.</summary>
    public SourcePosition End { get; private set; }

    public int Count => _entries.Count;

    public IReadOnlyList<SourceEntry> Refused => _refused;

    public bool IsEmpty => Count == 0 && _refused.Count == 0;

    public bool IsFull => Count == BatchItems.Most || _items.WrittenCount + _refusedBytes >= MaxBytes || _refused.Count >= 10_000;

    /// <summary>A batch has one tenant.</summary>
    public bool Takes(SourceEntry entry) => entry.Message is null || Tenant is null || Tenant == entry.Message.TenantId;

    public void Add(SourceEntry entry, SourcePosition end)
    {
        End = end;
        if (entry.Message is not { } message)
        {
            Refuse(entry);
            return;
        }

        Tenant = message.TenantId;
        var from = _items.WrittenCount;
        Write(_items, message);
        _places.Add(from.._items.WrittenCount);
        _entries.Add(entry);
    }

    /// <summary>The server's refusal of an item.</summary>
    public void Refuse(int index, string reason) =>
        Refuse(_entries[index] with { Message = null, Refusal = reason, Text = Encoding.UTF8.GetString(_items.WrittenSpan[_places[index]]) });

    /// <summary>The body for a run of its items.</summary>
    public byte[] Body(int from, int count)
    {
        var body = new ArrayBufferWriter<byte>(_items.WrittenCount + Count + 16);
        body.Write("""{"items":["""u8);
        for (var i = from; i < from + count; i++)
        {
            if (i > from)
            {
                body.Write(","u8);
            }

            body.Write(_items.WrittenSpan[_places[i]]);
        }

        body.Write("]}"u8);
        return body.WrittenSpan.ToArray();
    }

    public void Clear()
    {
        Tenant = null;
        _items.ResetWrittenCount();
        _entries.Clear();
        _places.Clear();
        _refused.Clear();
        _refusedBytes = 0;
    }

    /// <summary>The message as the wire has it; a member that says nothing is left out.</summary>
    internal static void Write(IBufferWriter<byte> target, StoreMessageRequest message)
    {
        using var json = new Utf8JsonWriter(target, new JsonWriterOptions { SkipValidation = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        json.WriteStartObject();
        Text("tenant_id", message.TenantId);
        Text("conversation_id", message.ConversationId);
        Text("role", message.Role);
        Text("content", message.Content);
        Text("user_id", message.UserId);
        Text("name", message.Name);
        Text("external_id", message.ExternalId);
        Text("source", message.Source);
        Text("created_at", message.CreatedAt is { } at ? WireInstant.Format(at) : null);
        if (message.ImportanceOverride is { } importance)
        {
            json.WriteNumber("importance_override", importance);
        }

        if (message.Metadata is { } metadata)
        {
            json.WritePropertyName("metadata");
            metadata.WriteTo(json);
        }

        json.WriteEndObject();

        void Text(string name, string? value)
        {
            if (value is not null)
            {
                json.WriteString(name, value);
            }
        }
    }

    private void Refuse(SourceEntry entry)
    {
        _refused.Add(entry);
        _refusedBytes += entry.Text?.Length ?? 0;
    }
}
