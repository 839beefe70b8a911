using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Memoir.Server.Memories;
using Memoir.Server.Quality.Doubts;

namespace Memoir.Server.Quality.Duplicates;

/// <summary>
/// What two memories have in common when one repeats the other: the normal text, of whom, to whom and by whom it was said,
/// and all that a search can tell them apart by. Two with the same hash are compared in full: a collision links nothing.
/// </summary>
internal sealed record Statement
{
    private Statement(string text) => Text = text;

    public string Text { get; }

    public required string Type { get; init; }

    public string? Role { get; init; }

    public string? Name { get; init; }

    public required string Scope { get; init; }

    public string? UserId { get; init; }

    public string? ConversationId { get; init; }

    /// <summary>Of what was said in a conversation the day (UTC), counted: what is said again another day is said anew.</summary>
    public long Day { get; init; }

    public required string Metadata { get; init; }

    public string? Tags { get; init; }

    public double? Importance { get; init; }

    public DateTimeOffset? ValidFrom { get; init; }

    public DateTimeOffset? ValidUntil { get; init; }

    public DateTimeOffset? ReviewAfter { get; init; }

    public string? Source { get; init; }

    /// <returns>Null for what repeats nothing: too short, replaced by its own name, or masked, so that two say the same that said different things.</returns>
    public static Statement? Of(Memory memory)
    {
        if (memory.Key is not null || memory.ExternalId is not null || memory.Masked is not null || memory.Content.Length < NormalText.FewestCharacters)
        {
            return null;
        }

        var text = NormalText.Of(memory.Content);
        if (!NormalText.SaysEnough(text))
        {
            return null;
        }

        // A system's prompt is the same in every conversation, whoever takes part in it; what else a system says is of one.
        var isPrompt = memory.Role == "system" && PromptScaffold.IsIn(memory.Content, memory.Role);
        var isSaid = memory.Type == MemoryType.Message && !isPrompt;
        return new Statement(text)
        {
            Type = memory.Type,
            Role = memory.Role,
            Name = isPrompt ? null : memory.Name,
            Scope = memory.Scope,
            UserId = isPrompt ? null : memory.UserId,
            ConversationId = isSaid ? memory.ConversationId : null,
            Day = isSaid ? memory.OccurredAt.UtcTicks / TimeSpan.TicksPerDay : 0,
            Metadata = memory.Metadata.Text,
            Tags = memory.Tags,
            Importance = memory.ImportanceOverride,
            ValidFrom = memory.ValidFrom,
            ValidUntil = memory.ValidUntil,
            ReviewAfter = memory.ReviewAfter,
            Source = memory.Source,
        };
    }

    /// <summary>The same in every process; 64 bits of it.</summary>
    public long Hash()
    {
        // No field has a NUL character: what cannot be read as such is refused at the doors.
        var all = string.Join(
            '\0', Type, Role, Name, Scope, UserId, ConversationId, Number(Day), Metadata, Tags, Importance?.ToString("R", CultureInfo.InvariantCulture),
            Number(ValidFrom?.UtcTicks), Number(ValidUntil?.UtcTicks),
            Number(ReviewAfter?.UtcTicks), Source, Text);
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(MemoryMarshal.AsBytes(all.AsSpan()), hash);
        return BinaryPrimitives.ReadInt64LittleEndian(hash);
    }

    private static string? Number(long? number) => number?.ToString(CultureInfo.InvariantCulture);
}
