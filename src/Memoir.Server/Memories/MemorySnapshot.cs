using System.Text;
using System.Text.Json;
using Memoir.Kit.Data;
using Memoir.Kit.Http;

namespace Memoir.Server.Memories;

/// <summary>A memory's fields as JSON, kept when it changes.</summary>
internal static class MemorySnapshot
{
    public static MemoryVersion Of(Memory old, string action, string actor, DateTimeOffset at) => new()
    {
        Version = old.Version,
        Action = action,
        Actor = actor,
        At = at,
        Snapshot = new Json(Write(old)),
    };

    /// <summary>Whose the memory was then; null for nobody's, and where the snapshot stands in the archive.</summary>
    public static string? UserOf(string snapshot)
    {
        if (snapshot.Length == 0)
        {
            return null;
        }

        var reader = new Utf8JsonReader(Encoding.UTF8.GetBytes(snapshot));
        while (reader.Read())
        {
            if (reader.TokenType == JsonTokenType.PropertyName && reader.CurrentDepth == 1)
            {
                var isUser = reader.ValueTextEquals("user_id"u8);
                reader.Read();
                if (isUser)
                {
                    return reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
                }

                reader.Skip();
            }
        }

        return null;
    }

    /// <summary>The memory with the fields that a version says; what a version does not have stays as it is.</summary>
    /// <returns>Null when it was somebody else's then: whose words they were is not to be forgotten.</returns>
    public static Memory? Restored(Memory memory, string snapshot, DateTimeOffset now)
    {
        using var document = JsonDocument.Parse(snapshot);
        var said = document.RootElement;
        if (Text(said, "content") is null or "" || Text(said, "user_id") != memory.UserId || Text(said, "conversation_id") != memory.ConversationId || Text(said, "role") != memory.Role)
        {
            return null;
        }

        return memory with
        {
            Type = Text(said, "type") ?? memory.Type,
            Content = Text(said, "content") ?? "",
            Value = Raw(said, "value"),
            Metadata = new Json(Raw(said, "metadata") ?? "{}"),
            Tags = Raw(said, "categories"),
            ImportanceOverride = said.TryGetProperty("importance_override", out var importance) && importance.ValueKind is JsonValueKind.Number ? importance.GetDouble() : null,
            Source = Text(said, "source"),
            Name = Text(said, "name"),
            ExpiresAt = Text(said, "expires_at") is not { } expiry || !WireInstant.TryParse(expiry, out var at) ? null
                : at > now ? at : memory.ExpiresAt, // What comes back is not to be gone at once.
        };
    }

    private static string? Text(JsonElement said, string name) =>
        said.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.String ? value.GetString() : null;

    private static string? Raw(JsonElement said, string name) =>
        said.TryGetProperty(name, out var value) && value.ValueKind is not JsonValueKind.Null ? value.GetRawText() : null;

    private static string Write(Memory memory)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("type", memory.Type);
            json.WriteString("conversation_id", memory.ConversationId);
            json.WriteString("user_id", memory.UserId);
            json.WriteString("name", memory.Name);
            json.WriteString("role", memory.Role);
            json.WriteString("content", memory.Content);
            json.WritePropertyName("metadata");
            json.WriteRawValue(memory.Metadata.Text);
            if (memory.ImportanceOverride is { } importance)
            {
                json.WriteNumber("importance_override", importance);
            }

            if (memory.Key is not null)
            {
                json.WriteString("key", memory.Key);
            }

            if (memory.Value is not null)
            {
                json.WritePropertyName("value");
                json.WriteRawValue(memory.Value);
            }

            if (memory.Tags is not null)
            {
                json.WritePropertyName("categories");
                json.WriteRawValue(memory.Tags);
            }

            if (memory.Scope != MemoryScope.User)
            {
                json.WriteString("scope", memory.Scope);
            }

            if (memory.ExpiresAt is { } expiry)
            {
                json.WriteString("expires_at", WireInstant.Format(expiry));
            }

            if (memory.ValidFrom is { } from)
            {
                json.WriteString("valid_from", WireInstant.Format(from));
            }

            if (memory.ValidUntil is { } until)
            {
                json.WriteString("valid_until", WireInstant.Format(until));
            }

            if (memory.Masked is { } masked)
            {
                json.WritePropertyName("masked");
                json.WriteRawValue(masked);
            }

            json.WriteString("source", memory.Source);
            json.WriteString("created_at", WireInstant.Format(memory.OccurredAt));
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.ToArray());
    }
}
