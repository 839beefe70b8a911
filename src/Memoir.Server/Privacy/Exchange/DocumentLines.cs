using System.Text.Json;

namespace Memoir.Server.Privacy.Exchange;

/// <summary>A document: after all memories, with a line for each of its versions behind it.</summary>
public sealed record DocumentLine
{
    public const string Kind = "document";

    public string Line { get; init; } = Kind;

    public required Guid Id { get; init; }

    /// <summary><c>memory</c>: a user's structured memory.</summary>
    public required string DocumentKind { get; init; }

    /// <summary>Its name among those of its kind: of a structured memory the user's id.</summary>
    public required string Name { get; init; }

    public string? UserId { get; init; }

    /// <summary>The newest version.</summary>
    public required long Version { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset UpdatedAt { get; init; }
}

/// <summary>A version of the document of the lines before, oldest first. One that is damaged is left out.</summary>
public sealed record DocumentVersionLine
{
    public const string Kind = "document_version";

    public string Line { get; init; } = Kind;

    public required Guid DocumentId { get; init; }

    public required long Version { get; init; }

    public required string Action { get; init; }

    public required string Actor { get; init; }

    public required DateTimeOffset At { get; init; }

    /// <summary>What it changed, for people.</summary>
    public required string Diff { get; init; }

    /// <summary>The whole content; null where the version is a deletion.</summary>
    public JsonElement? Content { get; init; }
}
