using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Memoir.Kit.Http.Json;

namespace Memoir.Server.Privacy.Exchange;

/// <summary>What stands in front: what this is, and of whom.</summary>
public sealed record HeaderLine
{
    public const string Kind = "header";
    public const string ThisFormat = "memoir-export";
    public const int ThisVersion = 1;

    public string Line { get; init; } = Kind;

    public required string Format { get; init; }

    public required int Version { get; init; }

    public required string TenantId { get; init; }

    /// <summary>The subject; null where it is the whole tenant.</summary>
    public string? UserId { get; init; }

    public required DateTimeOffset ExportedAt { get; init; }
}

/// <summary>A memory with all that is stored of it but what can be computed anew: its vector, its place in the order.</summary>
public sealed record MemoryLine
{
    public const string Kind = "memory";

    public string Line { get; init; } = Kind;

    public required Guid Id { get; init; }

    public required long Version { get; init; }

    public required string Type { get; init; }

    public string? UserId { get; init; }

    public string? ConversationId { get; init; }

    public string? Role { get; init; }

    public string? Name { get; init; }

    public string? ExternalId { get; init; }

    public string? Key { get; init; }

    public required string Content { get; init; }

    /// <summary>As stored, a text.</summary>
    public string? Value { get; init; }

    public required JsonElement Metadata { get; init; }

    /// <summary>As stored, a text.</summary>
    public string? Tags { get; init; }

    public required double ImportanceBase { get; init; }

    public double? ImportanceOverride { get; init; }

    public required string Scope { get; init; }

    public string? Source { get; init; }

    public required string SourceClass { get; init; }

    public required string Writer { get; init; }

    public required string Channel { get; init; }

    /// <summary>As stored, a text with the ids of the memories that this one was made from.</summary>
    public string? DerivedFrom { get; init; }

    /// <summary>When it was said.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset StoredAt { get; init; }

    public required DateTimeOffset UpdatedAt { get; init; }

    public DateTimeOffset? ValidFrom { get; init; }

    public DateTimeOffset? ValidUntil { get; init; }

    public DateTimeOffset? VerifiedAt { get; init; }

    public DateTimeOffset? ReviewAfter { get; init; }

    public DateTimeOffset? ExpiresAt { get; init; }

    public DateTimeOffset? ArchivedAt { get; init; }

    /// <summary>When it was brought back from the archive: its age counts from then.</summary>
    public DateTimeOffset? RestoredAt { get; init; }

    public Guid? SupersededBy { get; init; }

    /// <summary>As stored, a text with what was masked.</summary>
    public string? Masked { get; init; }

    public Guid? DuplicateOf { get; init; }

    /// <summary>As stored, a text with the reasons.</summary>
    public string? Quarantine { get; init; }

    public DateTimeOffset? ReleasedAt { get; init; }
}

/// <summary>What the memory of the lines before was before a change.</summary>
public sealed record VersionLine
{
    public const string Kind = "version";

    public string Line { get; init; } = Kind;

    public required Guid MemoryId { get; init; }

    public required long Version { get; init; }

    public required string Action { get; init; }

    public required string Actor { get; init; }

    public required DateTimeOffset At { get; init; }

    public required JsonElement Snapshot { get; init; }

    /// <summary>When that was true, and known; absent in exports of before there were periods.</summary>
    public IReadOnlyList<ExchangedPeriod>? Periods { get; init; }
}

/// <summary>When what a version says was true, and from when to when that was known; all ends exclusive, null where there is none.</summary>
public sealed record ExchangedPeriod
{
    public required DateTimeOffset KnownFrom { get; init; }

    public DateTimeOffset? KnownUntil { get; init; }

    public required DateTimeOffset ValidFrom { get; init; }

    public DateTimeOffset? ValidUntil { get; init; }
}

/// <summary>What was asked, and how much was found: after all memories.</summary>
public sealed record SearchLine
{
    public const string Kind = "search";

    public string Line { get; init; } = Kind;

    public required Guid Id { get; init; }

    public required DateTimeOffset At { get; init; }

    /// <summary>Whose memories were asked for; null for everybody's.</summary>
    public string? UserId { get; init; }

    public string? ConversationId { get; init; }

    /// <summary>As it is recorded: its beginning, where it was longer.</summary>
    public required string Query { get; init; }

    public required long Hits { get; init; }

    /// <summary>Vectors could have no part in the answer.</summary>
    public required bool Degraded { get; init; }

    public required double Milliseconds { get; init; }
}

/// <summary>What stands at the end: without it the export was cut off.</summary>
public sealed record EndLine
{
    public const string Kind = "end";

    public string Line { get; init; } = Kind;

    public required long Memories { get; init; }

    public required long Versions { get; init; }

    /// <summary>0 in exports of before there were documents.</summary>
    public long Documents { get; init; }

    public long DocumentVersions { get; init; }

    public required long Searches { get; init; }

    /// <summary>SHA-256 of all lines before this one, each with its line feed.</summary>
    public required string Sha256 { get; init; }
}

/// <summary>Of a line whose kind is not known yet.</summary>
internal sealed record AnyLine
{
    public string? Line { get; init; }
}

/// <summary>The lines' JSON: strict where it is read, one spelling where it is written.</summary>
internal static class ExchangeLines
{
    /// <summary>Room for the longest content and metadata, every character of them escaped.</summary>
    public const int LongestLine = 2 * 1024 * 1024;

    public const string MediaType = "application/x-ndjson";

    /// <summary>What a body may nest stands deeper in a line.</summary>
    private const int MostDepth = 40;

    private static readonly JsonSerializerOptions Options = new(StrictJson.Options(ExchangeJson.Default)) { MaxDepth = MostDepth };

    private static readonly JsonSerializerOptions Lenient =
        new(StrictJson.Options(ExchangeJson.Default)) { UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip, MaxDepth = MostDepth };

    public static byte[] Write<T>(T line) => JsonSerializer.SerializeToUtf8Bytes(line, (JsonTypeInfo<T>)Options.GetTypeInfo(typeof(T)));

    public static T Read<T>(ReadOnlySpan<byte> line) => StrictJson.Parse(line, (JsonTypeInfo<T>)Options.GetTypeInfo(typeof(T)));

    /// <summary>Which line it is; null when it says none.</summary>
    public static string? KindOf(ReadOnlySpan<byte> line) => StrictJson.Parse(line, (JsonTypeInfo<AnyLine>)Lenient.GetTypeInfo(typeof(AnyLine))).Line;
}

[JsonSerializable(typeof(AnyLine))]
[JsonSerializable(typeof(HeaderLine))]
[JsonSerializable(typeof(MemoryLine))]
[JsonSerializable(typeof(VersionLine))]
[JsonSerializable(typeof(DocumentLine))]
[JsonSerializable(typeof(DocumentVersionLine))]
[JsonSerializable(typeof(SearchLine))]
[JsonSerializable(typeof(EndLine))]
internal sealed partial class ExchangeJson : JsonSerializerContext;
