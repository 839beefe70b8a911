using System.Security.Cryptography;
using System.Text.Json;
using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Kit.Http.Json;
using Memoir.Server.Analytics;
using Memoir.Server.Memories;
using Memoir.Server.Wire;

namespace Memoir.Server.Privacy.Exchange;

/// <summary>A memory of an export with its versions, on its way back.</summary>
internal sealed class IncomingMemory(long number, ExchangedMemory memory)
{
    public long Number => number;

    public ExchangedMemory Memory => memory;

    public List<ExchangedVersion> Versions { get; } = [];

    /// <summary>By the version.</summary>
    public Dictionary<long, IReadOnlyList<ExchangedPeriod>> Periods { get; } = [];

    /// <summary>Of the versions.</summary>
    public long Characters { get; set; }
}

/// <summary>A recorded search of an export, on its way back.</summary>
internal sealed record IncomingSearch(long Number, SearchRecord Search);

/// <summary>Reads an export line by line: what is wrong with one line is said of that line, and the others are read on.</summary>
internal sealed class ImportLines(Stream stream) : IDisposable
{
    /// <summary>What the versions of one memory may hold, for they are stored with it.</summary>
    private const long MostCharacters = 32_000_000;

    /// <summary>What one takes among them, about.</summary>
    private const long CharactersOfAPeriod = 200;

    private readonly LineReader _lines = new(stream, ExchangeLines.LongestLine);
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private (long Memories, long Versions, long Documents, long DocumentVersions, long Searches) _read;
    private long _number;
    private bool _hasHeader;
    private bool _isOver;

    /// <summary>The memory whose line told that the one before has no more versions.</summary>
    private IncomingMemory? _held;

    /// <summary>The document whose line told that there are no more memories.</summary>
    private IncomingDocument? _document;

    /// <summary>The search whose line told that there are no more documents.</summary>
    private IncomingSearch? _search;

    /// <summary>What is said of lines that were refused.</summary>
    public Action<long, string> Refused { get; set; } = (_, _) => { };

    /// <summary>The end was there, and all that it speaks of.</summary>
    public bool IsComplete { get; private set; }

    /// <summary>The next memory with its versions; null when there are no more.</summary>
    /// <exception cref="ProblemException">413: a line is too long. 400: the first line is not that of an export.</exception>
    public async Task<IncomingMemory?> NextAsync(CancellationToken ct)
    {
        var memory = _held;
        _held = null;
        while (_document is null && _search is null && await AdvanceAsync(ct) is { IsEmpty: false } line)
        {
            var next = Take(line.Span, memory);
            if (next is not null && memory is not null)
            {
                _held = next;
                return memory;
            }

            memory = next ?? memory;
        }

        return memory;
    }

    /// <summary>The next document or version of one, when there are no more memories; null when there are no more.</summary>
    /// <exception cref="ProblemException">413: a line is too long.</exception>
    public async Task<IncomingDocument?> NextDocumentAsync(CancellationToken ct)
    {
        while (_document is null && _search is null && await AdvanceAsync(ct) is { IsEmpty: false } line)
        {
            Take(line.Span, memory: null);
        }

        var document = _document;
        _document = null;
        return document;
    }

    /// <summary>The next search, when there are no more documents; null at the end.</summary>
    /// <exception cref="ProblemException">413: a line is too long.</exception>
    public async Task<IncomingSearch?> NextSearchAsync(CancellationToken ct)
    {
        while (_search is null && await AdvanceAsync(ct) is { IsEmpty: false } line)
        {
            Take(line.Span, memory: null);
        }

        var search = _search;
        _search = null;
        return search;
    }

    public void Dispose() => _hash.Dispose();

    /// <returns>The next line that is not empty; nothing at the end.</returns>
    private async Task<ReadOnlyMemory<byte>> AdvanceAsync(CancellationToken ct)
    {
        while (await _lines.ReadAsync(ct))
        {
            _number++;
            if (_lines.IsTooLong)
            {
                throw new ProblemException(Problem.PayloadTooLarge, $"Line {_number} is longer than {ExchangeLines.LongestLine} bytes.");
            }

            if (Trimmed(_lines.Line) is { IsEmpty: false } line)
            {
                return line;
            }
        }

        if (!IsComplete && !_isOver)
        {
            _isOver = true;
            Refused(_number, "the end line is missing or does not fit: the file was cut short or changed");
        }

        return default;
    }

    /// <returns>The memory that begins with this line; null when it is another line.</returns>
    private IncomingMemory? Take(ReadOnlySpan<byte> line, IncomingMemory? memory)
    {
        try
        {
            StrictJson.RefuseUnkeepableText(line);
            var kind = ExchangeLines.KindOf(line);
            if (!_hasHeader)
            {
                RequireHeader(line, kind);
            }
            else if (kind == EndLine.Kind)
            {
                var end = ExchangeLines.Read<EndLine>(line);
                IsComplete = (end.Memories, end.Versions, end.Documents, end.DocumentVersions, end.Searches) == _read && end.Sha256 == Convert.ToHexStringLower(_hash.GetCurrentHash());
                return null;
            }

            _hash.AppendData(line);
            _hash.AppendData("\n"u8);
            switch (kind)
            {
                case HeaderLine.Kind:
                    return null;
                case MemoryLine.Kind when _read.Documents + _read.Searches > 0:
                    _read.Memories++;
                    throw new ProblemException(Problem.InvalidBody, "line: memories stand before documents and searches");
                case MemoryLine.Kind:
                    _read.Memories++;
                    return new IncomingMemory(_number, RowOf(ExchangeLines.Read<MemoryLine>(line)));
                case VersionLine.Kind:
                    _read.Versions++;
                    var read = ExchangeLines.Read<VersionLine>(line);
                    var version = RowOf(read);
                    if (version.MemoryId != memory?.Memory.Id)
                    {
                        throw new ProblemException(Problem.InvalidBody, "memory_id: is not the memory of the lines before");
                    }

                    RequireNext(memory, version);
                    memory.Versions.Add(version);
                    memory.Periods[version.Version] = read.Periods ?? [];
                    memory.Characters += version.Snapshot.Text.Length + (memory.Periods[version.Version].Count * CharactersOfAPeriod);
                    return null;
                case DocumentLine.Kind:
                    _read.Documents++;
                    RequireNoSearch();
                    _document = new IncomingDocument(_number, ExchangeLines.Read<DocumentLine>(line), Version: null);
                    return null;
                case DocumentVersionLine.Kind:
                    _read.DocumentVersions++;
                    RequireNoSearch();
                    _document = new IncomingDocument(_number, Document: null, ExchangeLines.Read<DocumentVersionLine>(line));
                    return null;
                case SearchLine.Kind:
                    _read.Searches++;
                    _search = new IncomingSearch(_number, RowOf(ExchangeLines.Read<SearchLine>(line)));
                    return null;
                default:
                    throw new ProblemException(Problem.InvalidBody, "line: must be one of header, memory, version, document, document_version, search, end");
            }
        }
        catch (ProblemException refusal) when (_hasHeader)
        {
            Refused(_number, refusal.Message);
            return null;
        }
    }

    private void RequireNoSearch()
    {
        if (_read.Searches > 0)
        {
            throw new ProblemException(Problem.InvalidBody, "line: documents stand before the searches");
        }
    }

    private static void RequireNext(IncomingMemory memory, ExchangedVersion version)
    {
        if (version.Version < 1 || version.Version >= memory.Memory.Version || (memory.Versions.Count > 0 && version.Version <= memory.Versions[^1].Version))
        {
            throw new ProblemException(Problem.InvalidBody, "version: must be greater than the one before and less than the memory's");
        }

        if (memory.Characters + version.Snapshot.Text.Length > MostCharacters)
        {
            throw new ProblemException(Problem.InvalidBody, $"snapshot: the versions of a memory may have {MostCharacters} characters");
        }
    }

    private void RequireHeader(ReadOnlySpan<byte> line, string? kind)
    {
        if (kind != HeaderLine.Kind
            || ExchangeLines.Read<HeaderLine>(line) is not { Format: HeaderLine.ThisFormat, Version: HeaderLine.ThisVersion })
        {
            throw new ProblemException(Problem.InvalidBody, $"The first line must be the header of a {HeaderLine.ThisFormat} of version {HeaderLine.ThisVersion}.");
        }

        _hasHeader = true;
    }

    private ReadOnlyMemory<byte> Trimmed(ReadOnlyMemory<byte> line)
    {
        line = _number == 1 && line.Span.StartsWith("\uFEFF"u8) ? line[3..] : line;
        return line.Span.ContainsAnyExcept(" \t\r"u8) ? line : default;
    }

    private static ExchangedMemory RowOf(MemoryLine line)
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

    private static ExchangedVersion RowOf(VersionLine line)
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

    private static SearchRecord RowOf(SearchLine line)
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
