using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Server.Memories;
using Memoir.Server.Wire;

namespace Memoir.Server.Voice;

/// <summary>The rules of a memory's fields, and the way from the wire's memory to the core's.</summary>
internal static partial class MemoryChecks
{
    private const int LongestContent = 100_000;
    private const int LargestValue = 32 * 1024;
    private const int LongestLife = 36_500;
    private const int UsualLife = 365;
    private const int MostCategories = 32;

    /// <exception cref="ProblemException">400 for what is missing or has the wrong type, 422 with every field that breaks its rule.</exception>
    public static NewMemory Check(StoreMemoryRequest request, DateTimeOffset now)
    {
        var isKeyed = request.Value is { ValueKind: not JsonValueKind.Null };
        RequireForm(request, isKeyed);
        var checks = new FieldChecks()
            .Length("key", request.Key, 1, 255)
            .Length("user_id", request.UserId, 1, 255)
            .Range("importance", request.Importance, 0, 1)
            .Length("source", request.Source, 1, 255);
        if (request.Type is { } type && !TypeName().IsMatch(type))
        {
            checks.Add("type", "must be 1 to 64 of A-Z a-z 0-9 . _ : -");
        }

        var value = isKeyed ? Value(checks, request.Value!.Value) : null;
        var content = isKeyed ? value is null ? "" : Content(request.Key!, request.Value!.Value) : request.Content!;
        if (!isKeyed)
        {
            checks.Length("content", content, 1, LongestContent);
        }

        var tags = Categories(checks, request.Categories);
        var metadata = MetadataRules.Check(checks, request.Metadata);
        var life = Life(checks, request.TtlDays, isKeyed ? UsualLife : null);
        if (request.ValidUntil <= (request.ValidFrom ?? now))
        {
            checks.Add("valid_until", request.ValidFrom is null ? "must be later than now, unless valid_from says since when" : "must be later than valid_from");
        }

        checks.ThrowIfAny();
        return new NewMemory
        {
            Type = request.Type ?? "fact",
            UserId = request.UserId,
            Key = request.Key,
            Content = content,
            Value = value,
            Metadata = metadata,
            Tags = tags,
            Scope = request.UserId is null ? MemoryScope.Shared : MemoryScope.User,
            ImportanceOverride = request.Importance,
            Source = request.Source,
            ValidFrom = request.ValidFrom,
            ValidUntil = request.ValidUntil,
            ReviewAfter = request.ReviewAfter,
            ExpiresAt = life is { } days ? now.AddDays(days) : null,
        };
    }

    /// <exception cref="ProblemException">As above.</exception>
    public static Func<Memory, Memory> Check(ChangeMemoryRequest request, DateTimeOffset now)
    {
        var checks = new FieldChecks().Length("content", request.Content, 1, LongestContent).Length("source", request.Source, 1, 255);
        var given = request.Value is { ValueKind: not JsonValueKind.Null } some ? some : (JsonElement?)null;
        var value = given is { } element ? Value(checks, element) : null; // Null too where it is too large: then nothing is done with it.
        var tags = Categories(checks, request.Categories);
        Json? metadata = request.Metadata is { ValueKind: not JsonValueKind.Null } ? MetadataRules.Check(checks, request.Metadata) : null;
        var life = Life(checks, request.TtlDays, usual: null);
        var (validFrom, validUntil, reviewAfter) = (Time("valid_from", request.ValidFrom), Time("valid_until", request.ValidUntil), Time("review_after", request.ReviewAfter));
        var importance = request.Importance;
        if (importance.ValueKind is not (JsonValueKind.Undefined or JsonValueKind.Null or JsonValueKind.Number))
        {
            throw ProblemException.Body("importance", "must be a number or null");
        }

        BoundedNumbers.Require("importance", importance);
        double? weight = importance.ValueKind is JsonValueKind.Number ? importance.GetDouble() : null;
        checks.Range("importance", weight, 0, 1).ThrowIfAny();
        return memory => Dated(Same(request, memory) with
        {
            Value = given is null || memory.Value is not null ? value ?? memory.Value : throw ProblemException.Field("value", "belongs to memories that were stored with one; this one has content"),
            Content = request.Content is null ? given is { } words ? Content(memory.Key ?? memory.Type, words) : memory.Content
                : memory.Value is null ? request.Content
                : throw ProblemException.Field("content", "belongs to memories without a value; change the value"),
            Tags = request.Categories is null ? memory.Tags : tags,
            Metadata = metadata ?? memory.Metadata,
            Source = request.Source ?? memory.Source,
            ImportanceOverride = importance.ValueKind is JsonValueKind.Undefined ? memory.ImportanceOverride : weight,
            ValidFrom = request.ValidFrom.ValueKind is JsonValueKind.Undefined ? memory.ValidFrom : validFrom,
            ValidUntil = request.ValidUntil.ValueKind is JsonValueKind.Undefined ? memory.ValidUntil : validUntil,
            ReviewAfter = request.ReviewAfter.ValueKind is JsonValueKind.Undefined ? memory.ReviewAfter : reviewAfter,
            ExpiresAt = request.TtlDays.ValueKind is JsonValueKind.Undefined ? memory.ExpiresAt : life is { } days ? now.AddDays(days) : null,
        });
    }

    /// <exception cref="ProblemException">422 with every field that breaks its rule.</exception>
    public static NewMemory Check(StoreTurnRequest request)
    {
        var checks = new FieldChecks()
            .Length("user_id", request.UserId, 1, 255)
            .OneOf("role", request.Role, "user", "assistant", "system", "tool")
            .Length("content", request.Content, 1, LongestContent);
        var metadata = MetadataRules.Check(checks, request.Metadata);
        var thread = request.Metadata is { } given && given.TryGetProperty("thread_id", out var named) && named.ValueKind is JsonValueKind.String ? named.GetString() : null;
        checks.Length("metadata.thread_id", thread, 1, 255).ThrowIfAny();
        return new NewMemory
        {
            Type = MemoryType.Message,
            UserId = request.UserId,
            ConversationId = thread,
            Role = request.Role ?? "user",
            Content = request.Content,
            Metadata = metadata,
        };
    }

    /// <summary>A time that may be given as <c>null</c>, too.</summary>
    /// <exception cref="ProblemException">400: it is none.</exception>
    public static DateTimeOffset? Time(string name, JsonElement given) => given.ValueKind switch
    {
        JsonValueKind.Undefined or JsonValueKind.Null => null,
        JsonValueKind.String when WireInstant.TryParse(given.GetString()!, out var at) => at,
        _ => throw ProblemException.Body(name, "must be a date and time with an offset, such as 2026-01-31T09:00:00Z, or null"),
    };

    private static Memory Dated(Memory memory) => memory.ValidUntil <= (memory.ValidFrom ?? memory.OccurredAt)
        ? throw ProblemException.Field("valid_until", "must be later than valid_from, or than when it was said")
        : memory;

    private static Memory Same(ChangeMemoryRequest request, Memory memory)
    {
        var other = request.Type is { } type && type != memory.Type ? "type" : request.Key is { } key && key != memory.Key ? "key" : null;
        return other is null ? memory : throw ProblemException.Field(other, "stays what it was; store a memory under the other one");
    }

    private static void RequireForm(StoreMemoryRequest request, bool isKeyed)
    {
        if (isKeyed)
        {
            var missing = request.Key is null ? "key" : request.Type is null ? "type" : null;
            if (missing is not null)
            {
                throw ProblemException.Body(missing, "is missing; a value belongs to a key of a type");
            }

            if (request.Content is not null)
            {
                throw ProblemException.Field("content", "cannot stand beside a value");
            }
        }
        else if (request.Content is null)
        {
            throw ProblemException.Body(request.Key is null ? "content" : "value", "is missing");
        }
    }

    /// <returns>Null when it is too large.</returns>
    private static string? Value(FieldChecks checks, JsonElement value)
    {
        if (value.ValueKind is not JsonValueKind.Object)
        {
            throw ProblemException.Body("value", "must be an object");
        }

        BoundedNumbers.Require("value", value);
        var text = JsonSerializer.Serialize(value, WireJson.Of<JsonElement>());
        if (Encoding.UTF8.GetByteCount(text) > LargestValue)
        {
            checks.Add("value", "must have at most 32 KiB");
            return null;
        }

        return text;
    }

    /// <exception cref="ProblemException">422: a value that is small enough speaks for long.</exception>
    private static string Content(string key, JsonElement value) => StatementText.Of(key, value) switch
    {
        null => throw ProblemException.Field("value", $"says more than {StatementText.Longest} characters, for the names above each member are said with it"),
        "" => throw ProblemException.Field("value", "says nothing, and neither does its key"),
        var content => content,
    };

    private static string? Categories(FieldChecks checks, IReadOnlyList<string>? categories)
    {
        if (categories is null or { Count: 0 })
        {
            return null;
        }

        if (categories.Count > MostCategories)
        {
            checks.Add("categories", $"must have at most {MostCategories} texts");
        }

        for (var i = 0; i < Math.Min(categories.Count, MostCategories); i++)
        {
            if (categories[i] is null)
            {
                throw ProblemException.Body($"categories[{i}]", "must be a string");
            }

            checks.Length($"categories[{i}]", categories[i], 1, 64);
        }

        return JsonSerializer.Serialize(categories, WireJson.Of<IReadOnlyList<string>>());
    }

    /// <returns>Days; null for no end.</returns>
    private static int? Life(FieldChecks checks, JsonElement given, int? usual)
    {
        switch (given.ValueKind)
        {
            case JsonValueKind.Undefined:
                return usual;
            case JsonValueKind.Null:
                return null;
            case JsonValueKind.Number when given.TryGetInt32(out var days):
                if (days is < 1 or > LongestLife)
                {
                    checks.Add("ttl_days", $"must be between 1 and {LongestLife}");
                    return null;
                }

                return days;
            default:
                throw ProblemException.Body("ttl_days", "must be a whole number in range, or null");
        }
    }

    [GeneratedRegex(@"^[A-Za-z0-9._:-]{1,64}\z")]
    private static partial Regex TypeName();
}
