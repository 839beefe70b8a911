using System.Text.Json;
using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Server.Analytics;
using Memoir.Server.Memories;
using Memoir.Server.Wire;

namespace Memoir.Server.Privacy.Exchange;

/// <summary>From a line to the row that it stands for: every field is held to the rules that hold for what is stored. Pure.</summary>
internal static class ImportRows
{
    public static ExchangedMemory Of(MemoryLine line)
    {
        var checks = new FieldChecks()
            .Length("type", line.Type, 1, 64).Length("user_id", line.UserId, 1, 255).Length("conversation_id", line.ConversationId, 1, 255)
            .OneOf("role", line.Role, "user", "assistant", "system", "tool").Length("name", line.Name, 1, 128)
            .Length("external_id", line.ExternalId, 1, 255).Length("key", line.Key, 1, 255).Length("content", line.Content, 1, 100_000)
            .Length("value", line.Value, 0, 100_000).Length("tags", line.Tags, 0, 16_384).Range("importance_base", line.ImportanceBase, 0, 1)
            .Range("importance_override", line.ImportanceOverride, 0, 1).Length("scope", line.Scope, 1, 64).Length("source", line.Source, 1, 255)
            .Length("source_class", line.SourceClass, 1, 64).Length("writer", line.Writer, 1, 255).Length("channel", line.Channel, 1, 64)
            .Length("derived_from", line.DerivedFrom, 0, 100_000).Length("masked", line.Masked, 0, 100_000).Length("quarantine", line.Quarantine, 0, 10_000);
        if (line.Version < 1)
        {
            checks.Add("version", "must be 1 or more");
        }

        if (line.Metadata.ValueKind is not JsonValueKind.Object)
        {
            checks.Add("metadata", "must be an object");
        }

        BoundedNumbers.Require("metadata", line.Metadata);
        checks.OneOf("scope", line.Scope, MemoryScope.User, MemoryScope.Shared);
        if (line.Scope == MemoryScope.Shared && line.UserId is not null)
        {
            checks.Add("user_id", "must be absent of what is shared");
        }

        RequireJson(checks, "value", line.Value, value => value.ValueKind is JsonValueKind.Object, "an object");
        RequireJson(checks, "tags", line.Tags, tags => tags.ValueKind is JsonValueKind.Array && tags.EnumerateArray().All(tag => tag.ValueKind is JsonValueKind.String), "a list of texts");
        RequireJson(checks, "masked", line.Masked, masked => masked.ValueKind is JsonValueKind.Array, "a list");
        RequireJson(checks, "quarantine", line.Quarantine, reasons => reasons.ValueKind is JsonValueKind.Array && reasons.EnumerateArray().All(reason => reason.ValueKind is JsonValueKind.String), "a list of texts");
        checks.ThrowIfAny();
        return new ExchangedMemory
        {
            Id = line.Id,
            Sequence = 0, // Assigned in the write.
            Version = line.Version,
            Type = line.Type,
            UserId = line.UserId,
            ConversationId = line.ConversationId,
            Role = line.Role,
            Name = line.Name,
            ExternalId = line.ExternalId,
            Key = line.Key,
            Content = line.Content,
            Value = line.Value,
            Metadata = new Json(line.Metadata.GetRawText()),
            Tags = line.Tags,
            ImportanceBase = line.ImportanceBase,
            ImportanceOverride = line.ImportanceOverride,
            Scope = line.Scope,
            Source = line.Source,
            SourceClass = line.SourceClass,
            Writer = line.Writer,
            Channel = line.Channel,
            DerivedFrom = line.DerivedFrom,
            OccurredAt = line.CreatedAt,
            StoredAt = line.StoredAt,
            UpdatedAt = line.UpdatedAt,
            ValidFrom = line.ValidFrom,
            ValidUntil = line.ValidUntil,
            VerifiedAt = line.VerifiedAt,
            ReviewAfter = line.ReviewAfter,
            ExpiresAt = line.ExpiresAt,
            ArchivedAt = line.ArchivedAt,
            RestoredAt = line.RestoredAt,
            SupersededBy = line.SupersededBy,
            Masked = line.Masked,
            DuplicateOf = line.DuplicateOf,
            Quarantine = line.Quarantine,
            ReleasedAt = line.ReleasedAt,
            EmbeddingStatus = "", // Decided in the write.
        };
    }

    /// <summary>Of what stands in a line as a text because it is stored as one.</summary>
    private static void RequireJson(FieldChecks checks, string path, string? text, Func<JsonElement, bool> isRight, string what)
    {
        if (text is null)
        {
            return;
        }

        try
        {
            using var document = JsonDocument.Parse(text);
            BoundedNumbers.Require(path, document.RootElement);
            if (isRight(document.RootElement))
            {
                return;
            }
        }
        catch (JsonException)
        {
            // Said below.
        }

        checks.Add(path, $"must be the JSON of {what}");
    }

    public static ExchangedVersion Of(VersionLine line)
    {
        var checks = new FieldChecks().Length("action", line.Action, 1, 64).Length("actor", line.Actor, 1, 255);
        if (line.Snapshot.ValueKind is not JsonValueKind.Object)
        {
            checks.Add("snapshot", "must be an object");
        }

        if (line.Periods?.Any(period => period is null || period.KnownUntil <= period.KnownFrom || period.ValidUntil <= period.ValidFrom) == true)
        {
            checks.Add("periods", "must end later than they begin");
        }

        if (line.Periods is { Count: > 0 } && line.Snapshot.ValueKind is JsonValueKind.Object)
        {
            string? Said(string name) => line.Snapshot.TryGetProperty(name, out var said) && said.ValueKind is JsonValueKind.String ? said.GetString() : null;

            checks.Length("snapshot.type", Said("type"), 1, 64).Length("snapshot.user_id", Said("user_id"), 1, 255)
                .Length("snapshot.conversation_id", Said("conversation_id"), 1, 255).OneOf("snapshot.scope", Said("scope"), MemoryScope.User, MemoryScope.Shared);
            if (Said("scope") == MemoryScope.Shared && Said("user_id") is not null)
            {
                checks.Add("snapshot.user_id", "must be absent of what is shared");
            }
        }

        BoundedNumbers.Require("snapshot", line.Snapshot);
        checks.ThrowIfAny();
        return new ExchangedVersion
        {
            MemoryId = line.MemoryId,
            Version = line.Version,
            Action = line.Action,
            Actor = line.Actor,
            At = line.At,
            Snapshot = Snapshots.Respell(line.Snapshot),
        };
    }

    public static SearchRecord Of(SearchLine line)
    {
        var checks = new FieldChecks()
            .Length("user_id", line.UserId, 1, 255).Length("conversation_id", line.ConversationId, 1, 255)
            .Length("query", line.Query, 1, SearchRecord.LongestQuery).Range("milliseconds", line.Milliseconds, 0, double.MaxValue);
        if (line.Hits < 0)
        {
            checks.Add("hits", "must be 0 or more");
        }

        checks.ThrowIfAny();
        return new SearchRecord
        {
            TenantId = "", // Decided in the write.
            Id = line.Id,
            At = line.At,
            UserId = line.UserId,
            ConversationId = line.ConversationId,
            Query = line.Query,
            Hits = line.Hits,
            Degraded = line.Degraded ? 1 : 0,
            Milliseconds = line.Milliseconds,
        };
    }
}
