using System.Buffers.Binary;
using System.IO.Compression;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Memoir.Kit.Security;
using Memoir.Server.Backups.Rows;

namespace Memoir.Server.Backups.Format;

/// <summary>
/// Reads a backup from its beginning to its end, and trusts nothing of it: each chunk, the sum of each table, the whole
/// file, the signature, and that there is nothing behind them.
/// </summary>
internal sealed class BackupReader : IAsyncDisposable
{
    private const int LongestHeader = 64 * 1024;
    private const int LongestRow = 256 * 1024 * 1024;

    private readonly Stream _file;
    private readonly string _name;
    private readonly InstanceKeys _keys;
    private readonly bool _isTrusting;
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly TableDigest _contents = new(copy: null);
    private readonly Dictionary<string, long> _tables = new(StringComparer.Ordinal);
    private readonly ChunkCipher _cipher;
    private readonly ChunkReader _chunks;
    private readonly BrotliStream _rows;
    private byte[] _buffer = new byte[64 * 1024];
    private int _from;
    private int _to;
    private BackupTable? _table;
    private string? _tenant;
    private int _tenants;

    private BackupReader(Stream file, string name, BackupHeader header, byte[] start, InstanceKeys keys, bool isTrusting)
    {
        _file = file;
        _name = name;
        _keys = keys;
        _isTrusting = isTrusting;
        Header = header;
        _hash.AppendData(start);
        _cipher = new ChunkCipher(keys.Derive(ChunkCipher.Purpose, header.Key), start);
        _chunks = new ChunkReader(file, _cipher, _hash);
        _rows = new BrotliStream(_chunks, CompressionMode.Decompress, leaveOpen: true);
    }

    public BackupHeader Header { get; }

    /// <summary>There once the last table was read, and all of the file found to be right.</summary>
    public BackupManifest? Manifest { get; private set; }

    /// <summary>Of the table whose rows were read last.</summary>
    public TableSum Sum { get; private set; } = new(0, "");

    /// <summary>Reads the header.</summary>
    /// <param name="file">From its beginning.</param>
    /// <param name="name">How refusals name it.</param>
    /// <param name="keys">Those that may open it.</param>
    /// <param name="isTrusting">Only for tests, to show what the checks are worth: what is merely compared is taken as it is.</param>
    /// <param name="ct">Ends it.</param>
    /// <exception cref="BackupIntegrityException">It is no backup, or cannot be opened with these keys.</exception>
    public static async Task<BackupReader> OpenAsync(Stream file, string name, InstanceKeys keys, bool isTrusting, CancellationToken ct)
    {
        file.Position = 0;
        var (header, start) = await ReadHeaderAsync(file, name, ct);
        return keys.Knows(header.Key)
            ? new BackupReader(file, name, header, start, keys, isTrusting)
            : throw new BackupIntegrityException(name, $"was made with the key {header.Key}, which is not known here: give the file with that secret as --key-file, or set MEMORY_SECRET_KEY");
    }

    /// <summary>Reads the whole file and keeps nothing of it.</summary>
    /// <exception cref="BackupIntegrityException">It is not as it was written.</exception>
    public static async Task<BackupManifest> CheckAsync(Stream file, string name, InstanceKeys keys, bool isTrusting, CancellationToken ct)
    {
        await using var reader = await OpenAsync(file, name, keys, isTrusting, ct);
        while (await reader.NextTableAsync(ct) is not null)
        {
            await foreach (var _ in reader.RowsAsync(ct))
            {
            }
        }

        return reader.Manifest!;
    }

    /// <summary>What the file says of itself; nothing of it is verified yet.</summary>
    /// <exception cref="BackupIntegrityException">It is no backup.</exception>
    public static async Task<BackupHeader> PeekAsync(Stream file, string name, CancellationToken ct)
    {
        file.Position = 0;
        return (await ReadHeaderAsync(file, name, ct)).Header;
    }

    /// <summary>The next table of a tenant, whose rows must then be read; null after the last, when the manifest is there.</summary>
    /// <exception cref="BackupIntegrityException">The file is not as it was written.</exception>
    public Task<BackupTable?> NextTableAsync(CancellationToken ct) => RefuseAsync(async () =>
    {
        var length = await NumberAsync(ct);
        if (length == BackupWriter.EndOfRows)
        {
            await FinishAsync(ct);
            return null;
        }

        _table = Parse((await TakeAsync(length, ct)).Span, BackupJson.Default.BackupTable);
        return _table;
    });

    /// <summary>The rows of the table; each is there until the next is asked for.</summary>
    /// <inheritdoc cref="NextTableAsync"/>
    public async IAsyncEnumerable<ReadOnlyMemory<byte>> RowsAsync([EnumeratorCancellation] CancellationToken ct)
    {
        using var digest = new TableDigest(copy: null);
        while (await RefuseAsync(() => NumberAsync(ct)) is var length && length != BackupWriter.EndOfRows)
        {
            var row = await RefuseAsync(() => TakeAsync(length, ct));
            digest.AddRow(row.Span);
            yield return row;
        }

        await RefuseAsync(() => EndTableAsync(digest, ct));
    }

    public async ValueTask DisposeAsync()
    {
        await _rows.DisposeAsync();
        await _chunks.DisposeAsync();
        _cipher.Dispose();
        _contents.Dispose();
        _hash.Dispose();
    }

    private static async Task<(BackupHeader Header, byte[] Start)> ReadHeaderAsync(Stream file, string name, CancellationToken ct)
    {
        var lead = new byte[BackupWriter.Magic.Length + sizeof(int)];
        var read = await file.ReadAtLeastAsync(lead, lead.Length, throwOnEndOfStream: false, ct);
        var version = BackupWriter.Magic.Length - 2;
        if (read < lead.Length || !lead.AsSpan().StartsWith(BackupWriter.Magic[..version]))
        {
            throw new BackupIntegrityException(name, "is no backup of Memoir");
        }

        if (!lead.AsSpan().StartsWith(BackupWriter.Magic))
        {
            throw new BackupIntegrityException(name, "has another form than this program knows; it may be of a newer version");
        }

        var length = BinaryPrimitives.ReadInt32BigEndian(lead.AsSpan(BackupWriter.Magic.Length));
        if (length is > 0 and <= LongestHeader)
        {
            var text = new byte[length];
            if (await file.ReadAtLeastAsync(text, length, throwOnEndOfStream: false, ct) == length)
            {
                try
                {
                    return (Parse(text, BackupJson.Default.BackupHeader), [.. lead, .. text]);
                }
                catch (JsonException)
                {
                    // As below.
                }
            }
        }

        throw new BackupIntegrityException(name, "is damaged in its header");
    }

    private static T Parse<T>(ReadOnlySpan<byte> text, JsonTypeInfo<T> type) =>
        JsonSerializer.Deserialize(text, type) ?? throw new JsonException("It is null.");

    private async Task<bool> EndTableAsync(TableDigest digest, CancellationToken ct)
    {
        var end = await TakeAsync(SHA256.HashSizeInBytes + sizeof(long), ct);
        var said = new TableSum(
            BinaryPrimitives.ReadInt64BigEndian(end.Span[SHA256.HashSizeInBytes..]), Convert.ToHexStringLower(end.Span[..SHA256.HashSizeInBytes]));
        Sum = digest.Finish();
        Require(Sum == said, "has other rows than it says");
        var table = _table!;
        BackupWriter.AddTo(_contents, table, Sum);
        _tables[table.Table] = _tables.GetValueOrDefault(table.Table) + Sum.Rows;
        _tenants += table.Tenant == _tenant ? 0 : 1;
        _tenant = table.Tenant;
        return true;
    }

    private async Task FinishAsync(CancellationToken ct)
    {
        Require(_from == _to && await _rows.ReadAsync(_buffer.AsMemory(0, 1), ct) == 0, "goes on after its last row");
        while (await _chunks.ReadAsync(_buffer, ct) > 0)
        {
            // What the compression left over ends before the manifest.
        }

        var seal = Parse(_chunks.Manifest, BackupJson.Default.BackupSeal);
        var manifest = Parse(seal.Manifest, BackupJson.Default.BackupManifest);
        Require(
            seal.Key == Header.Key && _keys.Verify(ChunkCipher.Purpose, seal.Manifest, new Signature(seal.Key, seal.Signature)),
            "has a manifest with a wrong signature");
        Require(manifest.Bytes == _chunks.Hash, "is not the file that its manifest was made for");
        Require(
            manifest.File == Header.File && manifest.CreatedAt == Header.CreatedAt && manifest.Contents == _contents.Finish().Hash
                && manifest.Tenants == _tenants && manifest.Rows == _tables.Values.Sum()
                && manifest.Tables.Count == _tables.Count && manifest.Tables.All(table => _tables.GetValueOrDefault(table.Key) == table.Value),
            "has other contents than its manifest says");
        Require(await _file.ReadAsync(_buffer.AsMemory(0, 1), ct) == 0, "has something behind its end");
        Manifest = manifest;
    }

    private void Require(bool isSo, string otherwise)
    {
        if (!isSo && !_isTrusting)
        {
            throw new InvalidDataException(otherwise);
        }
    }

    private async Task<T> RefuseAsync<T>(Func<Task<T>> read)
    {
        try
        {
            return await read();
        }
        catch (CryptographicException)
        {
            throw new BackupIntegrityException(_name, "is damaged, was changed, or was put together from others");
        }
        catch (InvalidDataException exception)
        {
            throw new BackupIntegrityException(_name, exception.Message);
        }
        catch (InvalidOperationException)
        {
            throw new BackupIntegrityException(_name, "cannot be decompressed"); // In these words the decoder complains.
        }
        catch (JsonException)
        {
            throw new BackupIntegrityException(_name, "has parts of no known form");
        }
    }

    private async Task<int> NumberAsync(CancellationToken ct) => BinaryPrimitives.ReadInt32BigEndian((await TakeAsync(sizeof(int), ct)).Span);

    /// <summary>The next bytes, there until more are taken.</summary>
    private async Task<ReadOnlyMemory<byte>> TakeAsync(int length, CancellationToken ct)
    {
        if (length is < 0 or > LongestRow)
        {
            throw new InvalidDataException("has a row of no possible length");
        }

        if (_to - _from < length)
        {
            await FillAsync(length, ct);
        }

        var taken = _buffer.AsMemory(_from, length);
        _from += length;
        return taken;
    }

    private async Task FillAsync(int length, CancellationToken ct)
    {
        var rest = _buffer.AsMemory(_from, _to - _from);
        if (length > _buffer.Length)
        {
            var larger = new byte[length];
            rest.CopyTo(larger);
            _buffer = larger;
        }
        else
        {
            rest.CopyTo(_buffer);
        }

        (_from, _to) = (0, rest.Length);
        while (_to < length)
        {
            var read = await _rows.ReadAsync(_buffer.AsMemory(_to), ct);
            _to += read > 0 ? read : throw new InvalidDataException("ends before its last row");
        }
    }
}
