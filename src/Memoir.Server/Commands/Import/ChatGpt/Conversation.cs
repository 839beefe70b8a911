using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Memoir.Kit.Http;
using Memoir.Kit.Http.Json;
using Memoir.Server.Messages;

namespace Memoir.Server.Commands.Import.ChatGpt;

/// <summary>One conversation of the export: a tree of nodes, of which the path to <c>current_node</c> is what was last on the screen.</summary>
internal sealed class Conversation(JsonElement root, long number, ImportDefaults defaults, SkipCounts skipped)
{
    private const string Prefix = "chatgpt:";
    private DateTimeOffset? _last;
    private string _id = "";
    private string? _title;

    public List<SourceEntry> Read()
    {
        if (root.ValueKind is not JsonValueKind.Object || root.Member("mapping") is not { ValueKind: JsonValueKind.Object } mapping)
        {
            return [new SourceEntry { Number = number, Refusal = "it has no mapping of messages" }];
        }

        _title = root.Text("title");
        _last = root.Time("create_time");
        _id = root.Text("conversation_id") ?? root.Text("id") ?? $"untitled-{Fingerprint($"{_title}\n{root.Member("create_time")}")}";
        var path = Path(mapping, out var others);
        skipped.Add("on other branches", others);
        var entries = new List<SourceEntry>();
        foreach (var (nodeId, message) in path)
        {
            if (MessagePart.ReasonToSkip(message) is { } reason)
            {
                skipped.Add(reason);
            }
            else if (Entry(nodeId, message) is { } entry)
            {
                entries.Add(entry);
            }
        }

        return entries;
    }

    /// <summary>From the root to the current node; a node without a message is a joint only.</summary>
    private List<(string NodeId, JsonElement Message)> Path(JsonElement mapping, out int others)
    {
        var nodes = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        foreach (var node in mapping.EnumerateObject())
        {
            nodes[node.Name] = node.Value;
        }

        var path = new List<(string, JsonElement)>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var at = root.Text("current_node") is { } current && nodes.ContainsKey(current) ? current : LatestLeaf(nodes);
        while (at is not null && nodes.TryGetValue(at, out var node) && seen.Add(at))
        {
            if (node.Member("message") is { ValueKind: JsonValueKind.Object } message)
            {
                path.Add((at, message));
            }

            at = node.Text("parent");
        }

        path.Reverse();
        others = nodes.Count(node => !seen.Contains(node.Key) && node.Value.Member("message") is { ValueKind: JsonValueKind.Object });
        return path;
    }

    /// <summary>Where the export does not say what was last on the screen, the latest end of the tree is.</summary>
    private static string? LatestLeaf(Dictionary<string, JsonElement> nodes)
    {
        var parents = nodes.Values.Select(node => node.Text("parent")).ToHashSet(StringComparer.Ordinal);
        return nodes.Where(node => !parents.Contains(node.Key))
            .OrderByDescending(node => node.Value.Member("message") is { } message ? message.Time("create_time") : null)
            .Select(node => node.Key).FirstOrDefault();
    }

    private SourceEntry? Entry(string nodeId, JsonElement message)
    {
        var id = message.Text("id") ?? nodeId;
        try
        {
            var content = MessagePart.Read(message.Member("content"), out var attachments);
            if (string.IsNullOrWhiteSpace(content))
            {
                skipped.Add("without text");
                return null;
            }

            var request = new StoreMessageRequest
            {
                TenantId = defaults.TenantOrDefault,
                ConversationId = _id,
                Role = message.Member("author")?.Text("role") ?? "",
                Content = content,
                Metadata = Metadata(message, attachments),
                UserId = defaults.User,
                Name = message.Member("author")?.Text("name"),
                ExternalId = ExternalId(id),
                CreatedAt = Said(message),
                Source = "chatgpt",
            };
            return Checked(request, id);
        }
        catch (InvalidOperationException)
        {
            return new SourceEntry { Number = number, MessageId = PrintableId(id), Refusal = "its text has half of a surrogate pair" };
        }
    }

    private SourceEntry Checked(StoreMessageRequest request, string id)
    {
        try
        {
            MessageChecks.Check(request);
            var written = new ArrayBufferWriter<byte>(request.Content.Length + 512);
            ImportBatch.Write(written, request);
            StrictJson.RefuseUnkeepableText(written.WrittenSpan); // The server would refuse the whole batch.
            return new SourceEntry { Number = number, MessageId = id, Message = request };
        }
        catch (ProblemException refusal)
        {
            return new SourceEntry { Number = number, MessageId = id, Refusal = refusal.Message, Text = request.Content };
        }
    }

    /// <summary>The order of the path is the order of what was said, whatever single clocks say.</summary>
    private DateTimeOffset? Said(JsonElement message)
    {
        var own = message.Time("create_time");
        _last = own is null || own < _last ? _last : own;
        return _last;
    }

    /// <summary>A conversation that was continued elsewhere repeats its messages with their ids, so the conversation is part of it.</summary>
    private string ExternalId(string id)
    {
        var whole = $"{Prefix}{_id}/{id}";
        return whole.Length <= 255 ? whole : $"{Prefix}{Fingerprint(whole)}";
    }

    private JsonElement? Metadata(JsonElement message, IReadOnlyList<string> attachments)
    {
        var members = new Dictionary<string, object>();
        if (_title is { Length: > 0 })
        {
            members["title"] = _title;
        }

        if (message.Member("metadata")?.Text("model_slug") is { } model)
        {
            members["model"] = model;
        }

        if (attachments.Count > 0)
        {
            members["attachments"] = attachments;
        }

        return members.Count == 0 ? null : JsonSerializer.SerializeToElement(members);
    }

    private static string PrintableId(string id) => id.Length <= 255 ? id : id[..255];

    private static string Fingerprint(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)).AsSpan(0, 16));
}
