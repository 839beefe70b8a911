using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Memoir.Kit.Http;
using Memoir.Kit.Http.Json;
using Memoir.Server.Messages;
using Memoir.Server.Wire;

namespace Memoir.Server.Commands.Import;

/// <summary>One message per line, in the shape of <c>POST /v1/messages</c>.</summary>
internal sealed class JsonLinesSource(Stream stream, ImportDefaults defaults) : IMessageSource
{
    /// <summary>Room for the longest content and metadata, every character of them escaped.</summary>
    public const int LongestLine = 2 * 1024 * 1024;

    private static readonly JsonSerializerOptions Options = StrictJson.Options(ImportJson.Default);

    public string Unit => "line";

    public SourcePosition Position { get; private set; }

    public IReadOnlyDictionary<string, long> Skipped { get; } = new Dictionary<string, long>();

    public async IAsyncEnumerable<SourceEntry> ReadAsync(SourcePosition from, [EnumeratorCancellation] CancellationToken ct)
    {
        Position = from;
        stream.Position = from.Offset;
        var lines = new LineReader(stream, LongestLine);
        while (await lines.ReadAsync(ct))
        {
            Position = new SourcePosition(Position.Count + 1, from.Offset + lines.Taken);
            var line = lines.Line;
            if (Position.Count == 1 && line.Span.StartsWith("\uFEFF"u8))
            {
                line = line[3..];
            }

            if (lines.IsTooLong)
            {
                yield return new SourceEntry { Number = Position.Count, Refusal = $"the line is longer than {LongestLine} bytes" };
            }
            else if (line.Span.ContainsAnyExcept(" \t\r"u8))
            {
                yield return Read(Position.Count, line.Span);
            }
        }
    }

    private SourceEntry Read(long number, ReadOnlySpan<byte> line)
    {
        try
        {
            StrictJson.RefuseUnkeepableText(line);
            var message = StrictJson.Parse(line, (System.Text.Json.Serialization.Metadata.JsonTypeInfo<ImportLine>)Options.GetTypeInfo(typeof(ImportLine)));
            return new SourceEntry { Number = number, MessageId = message.ExternalId, Message = ToRequest(message) };
        }
        catch (ProblemException refusal)
        {
            return new SourceEntry { Number = number, Refusal = refusal.Message, Text = Encoding.UTF8.GetString(line) };
        }
    }

    private StoreMessageRequest ToRequest(ImportLine line)
    {
        if (line.TenantId is not null && defaults.Tenant is not null && line.TenantId != defaults.Tenant)
        {
            throw ProblemException.Field("tenant_id", "is another tenant than --tenant");
        }

        var request = new StoreMessageRequest
        {
            TenantId = line.TenantId ?? defaults.Tenant ?? defaults.DefaultTenant,
            ConversationId = line.ConversationId,
            Role = line.Role,
            Content = line.Content,
            Metadata = line.Metadata,
            ImportanceOverride = line.ImportanceOverride,
            UserId = line.UserId ?? defaults.User,
            Name = line.Name,
            ExternalId = line.ExternalId ?? Identity(line),
            CreatedAt = line.CreatedAt,
            Source = line.Source ?? "import",
        };
        MessageChecks.Check(request);
        return request;
    }

    /// <summary>What was said, by whom and where: the same line is the same message wherever in the file it stands.</summary>
    private static string Identity(ImportLine line)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var at = line.CreatedAt is { } created ? WireInstant.Format(created) : null;
        foreach (var part in (ReadOnlySpan<string?>)[line.ConversationId, line.Role, line.Name, line.UserId, at, line.Content])
        {
            // The length first, so that no two lists of parts read alike; absent is not empty.
            hash.AppendData(BitConverter.GetBytes(part?.Length ?? -1));
            hash.AppendData(Encoding.UTF8.GetBytes(part ?? ""));
        }

        return "line:" + Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 16));
    }
}

/// <summary>What the file does not say of a message.</summary>
/// <param name="Tenant">The one that was named; null when none was.</param>
/// <param name="DefaultTenant">For messages without a tenant, when none was named.</param>
/// <param name="User">Whose messages they are, where they do not say.</param>
internal sealed record ImportDefaults(string? Tenant, string DefaultTenant, string? User)
{
    public string TenantOrDefault => Tenant ?? DefaultTenant;
}

/// <summary>A line: the wire's message, whose tenant may be left to the command.</summary>
internal sealed record ImportLine
{
    public string? TenantId { get; init; }

    public required string ConversationId { get; init; }

    public required string Role { get; init; }

    public required string Content { get; init; }

    public JsonElement? Metadata { get; init; }

    public double? ImportanceOverride { get; init; }

    public string? UserId { get; init; }

    public string? Name { get; init; }

    public string? ExternalId { get; init; }

    public DateTimeOffset? CreatedAt { get; init; }

    public string? Source { get; init; }
}

[JsonSerializable(typeof(ImportLine))]
[JsonSerializable(typeof(ImportProgress))]
internal sealed partial class ImportJson : JsonSerializerContext;
