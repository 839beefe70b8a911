using System.Security.Cryptography;
using Memoir.Kit.Http;
using Memoir.Kit.Http.Json;
using Memoir.Server.Analytics;
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
                    return new IncomingMemory(_number, ImportRows.Of(ExchangeLines.Read<MemoryLine>(line)));
                case VersionLine.Kind:
                    _read.Versions++;
                    var read = ExchangeLines.Read<VersionLine>(line);
                    var version = ImportRows.Of(read);
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
                    _search = new IncomingSearch(_number, ImportRows.Of(ExchangeLines.Read<SearchLine>(line)));
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
}
