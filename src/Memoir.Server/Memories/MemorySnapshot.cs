using System.Text;
using System.Text.Json;
using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Server.Embeddings.Stored;
using Memoir.Server.Memories.Periods;

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

        // It is true again from where it began, and now; the other's beginning may be earlier, its end later.
        var from = Instant(said, "valid_from") ?? Instant(said, "created_at") ?? memory.OccurredAt;
        var stands = memory.ValidFrom ?? memory.OccurredAt;
        var until = Instant(said, "valid_until");
        return memory with
        {
            ValidFrom = memory.ValidFrom is null && from >= stands ? null : from < stands ? from : stands,
            ValidUntil = until <= now ? memory.ValidUntil : until,
            Masked = Raw(said, "masked", JsonValueKind.Array),
            Type = Text(said, "type") ?? memory.Type,
            Content = Text(said, "content") ?? "",
            Value = Raw(said, "value", JsonValueKind.Object),
            Metadata = new Json(Raw(said, "metadata", JsonValueKind.Object) ?? "{}"),
            Tags = Categories(said),
            ImportanceOverride = Number(said, "importance_override"),
            Source = Text(said, "source"),
            Name = Text(said, "name"),
            ExpiresAt = Instant(said, "expires_at") is not { } at ? null : at > now ? at : memory.ExpiresAt, // What comes back is not to be gone at once.
        };
    }

    /// <summary>What the memory said in one of its periods. What is not taken to be so any more need not be asked again.</summary>
    public static Memory At(Memory row, string snapshot, Period period)
    {
        using var document = JsonDocument.Parse(snapshot);
        var said = document.RootElement;
        var (role, content) = (Text(said, "role"), Text(said, "content") ?? "");
        return row with
        {
            IsOfPeriod = true,
            Sequence = period.Sequence,
            Version = period.Version,
            Type = Text(said, "type") ?? row.Type,
            UserId = Text(said, "user_id"),
            ConversationId = Text(said, "conversation_id"),
            Role = role,
            Name = Text(said, "name"),
            Content = content,
            Value = Raw(said, "value", JsonValueKind.Object),
            Metadata = new Json(Raw(said, "metadata", JsonValueKind.Object) ?? "{}"),
            Tags = Categories(said),
            Scope = Text(said, "scope") ?? MemoryScope.User,
            ImportanceBase = Importance.Base(role, content),
            ImportanceOverride = Number(said, "importance_override"),
            Source = Text(said, "source"),
            OccurredAt = Instant(said, "created_at") ?? row.OccurredAt,
            UpdatedAt = period.KnownFrom,
            KnownUntil = period.KnownUntil,
            ValidFrom = period.ValidFrom,
            ValidUntil = period.ValidUntil,
            VerifiedAt = period.KnownUntil is null ? Instant(said, "verified_at") : null,
            ReviewAfter = period.KnownUntil is null ? Instant(said, "review_after") : null,
            ExpiresAt = Instant(said, "expires_at"),
            EmbeddingStatus = EmbeddingStatus.Skipped,
            Quarantine = row.ReleasedAt is null ? Raw(said, "quarantine", JsonValueKind.Array) : null,
            Masked = Raw(said, "masked", JsonValueKind.Array),
        };
    }

    /// <summary>The period with what a list goes by, as the snapshot has it.</summary>
    public static Period PeriodOf(Memory row, string snapshot, Period period)
    {
        var said = At(row, snapshot, period);
        return period with { Type = said.Type, UserId = said.UserId, Scope = said.Scope, ExpiresAt = said.ExpiresAt, Doubted = said.Quarantine is null ? 0 : 1 };
    }

    private static DateTimeOffset? Instant(JsonElement said, string name) =>
        Text(said, name) is { } text && WireInstant.TryParse(text, out var at) ? at : null;

    private static double? Number(JsonElement said, string name) =>
        said.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.Number ? value.GetDouble() : null;

    private static string? Text(JsonElement said, string name) =>
        said.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.String ? value.GetString() : null;

    /// <summary>Snapshots that were imported may have anything in place of what belongs there.</summary>
    private static string? Raw(JsonElement said, string name, JsonValueKind kind) =>
        said.TryGetProperty(name, out var value) && value.ValueKind == kind ? value.GetRawText() : null;

    private static string? Categories(JsonElement said) =>
        Raw(said, "categories", JsonValueKind.Array) is { } raw && said.GetProperty("categories").EnumerateArray().All(one => one.ValueKind is JsonValueKind.String) ? raw : null;

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

            if (memory.VerifiedAt is { } verified)
            {
                json.WriteString("verified_at", WireInstant.Format(verified));
            }

            if (memory.ReviewAfter is { } review)
            {
                json.WriteString("review_after", WireInstant.Format(review));
            }

            if (memory.Quarantine is { } reasons)
            {
                json.WritePropertyName("quarantine");
                json.WriteRawValue(reasons);
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
