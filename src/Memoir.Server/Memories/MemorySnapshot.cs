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

            json.WriteString("source", memory.Source);
            json.WriteString("created_at", WireInstant.Format(memory.OccurredAt));
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.ToArray());
    }
}
