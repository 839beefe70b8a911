using Memoir.Server.Messages;

namespace Memoir.Server.Commands.Import;

/// <summary>A file format that messages are read from, one after another, never the whole file at once.</summary>
internal interface IMessageSource
{
    /// <summary>What places are counted in: <c>line</c> or <c>conversation</c>.</summary>
    string Unit { get; }

    /// <summary>Up to where everything was handed out; reading can begin again there.</summary>
    SourcePosition Position { get; }

    /// <summary>What was left out on purpose, and how often.</summary>
    IReadOnlyDictionary<string, long> Skipped { get; }

    /// <param name="from">A position that an earlier run of this source stated; default for the beginning.</param>
    /// <param name="ct">Ends reading.</param>
    IAsyncEnumerable<SourceEntry> ReadAsync(SourcePosition from, CancellationToken ct);
}

/// <summary>A place between two pieces of a file.</summary>
/// <param name="Count">Lines or conversations before it.</param>
/// <param name="Offset">Bytes before it.</param>
internal readonly record struct SourcePosition(long Count, long Offset);

/// <summary>One message, or why there is none.</summary>
internal sealed record SourceEntry
{
    /// <summary>The line's or conversation's number, from 1.</summary>
    public required long Number { get; init; }

    /// <summary>The message's own id, where the format has one.</summary>
    public string? MessageId { get; init; }

    public StoreMessageRequest? Message { get; init; }

    /// <summary>Why it cannot be stored; null for a message.</summary>
    public string? Refusal { get; init; }

    /// <summary>A refused piece as it stood in the file.</summary>
    public string? Text { get; init; }
}
