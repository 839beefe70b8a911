using System.Buffers.Binary;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.Json;
using Memoir.Kit.Security;
using Memoir.Server.Backups.Rows;

namespace Memoir.Server.Backups.Format;

/// <summary>Writes a backup: the header, the rows of each table of each tenant (compressed, then encrypted), and the signed manifest.</summary>
internal sealed class BackupWriter : IAsyncDisposable
{
    /// <summary>Ends with the version of the form.</summary>
    public static ReadOnlySpan<byte> Magic => "memoir backup 1\n"u8;

    /// <summary>Stands where the length of a row would.</summary>
    public const int EndOfRows = -1;

    private readonly BackupHeader _header;
    private readonly InstanceKeys _keys;
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly TableDigest _contents = new(copy: null);
    private readonly ChunkCipher _cipher;
    private readonly ChunkWriter _chunks;
    private readonly BrotliStream _rows;
    private readonly Dictionary<string, long> _tables = new(StringComparer.Ordinal);
    private BackupTable? _table;
    private string? _tenant;
    private int _tenants;

    private BackupWriter(Stream file, BackupHeader header, byte[] start, InstanceKeys keys)
    {
        _header = header;
        _keys = keys;
        _hash.AppendData(start);
        _cipher = new ChunkCipher(keys.Derive(ChunkCipher.Purpose, header.Key), start);
        _chunks = new ChunkWriter(file, _cipher, _hash);
        _rows = new BrotliStream(_chunks, CompressionLevel.Fastest, leaveOpen: true);
    }

    public static async Task<BackupWriter> BeginAsync(Stream file, BackupHeader header, InstanceKeys keys, CancellationToken ct)
    {
        var text = JsonSerializer.SerializeToUtf8Bytes(header, BackupJson.Default.BackupHeader);
        byte[] start = [.. Magic, .. Number(text.Length), .. text];
        await file.WriteAsync(start, ct);
        return new BackupWriter(file, header, start, keys);
    }

    /// <summary>Whose rows of which table come next.</summary>
    public async Task BeginTableAsync(BackupTable table, CancellationToken ct)
    {
        _table = table;
        var text = JsonSerializer.SerializeToUtf8Bytes(table, BackupJson.Default.BackupTable);
        await _rows.WriteAsync((byte[])[.. Number(text.Length), .. text], ct);
    }

    /// <summary>Rows of the table that was begun, a length before each.</summary>
    public ValueTask WriteRowsAsync(ReadOnlyMemory<byte> rows, CancellationToken ct) => _rows.WriteAsync(rows, ct);

    public async Task EndTableAsync(TableSum sum, CancellationToken ct)
    {
        var table = _table ?? throw new InvalidOperationException("No table was begun.");
        await _rows.WriteAsync((byte[])[.. Number(EndOfRows), .. Convert.FromHexString(sum.Hash), .. Number(sum.Rows)], ct);
        AddTo(_contents, table, sum);
        _tables[table.Table] = _tables.GetValueOrDefault(table.Table) + sum.Rows;
        _tenants += table.Tenant == _tenant ? 0 : 1;
        _tenant = table.Tenant;
    }

    public async Task<BackupManifest> FinishAsync(CancellationToken ct)
    {
        await _rows.WriteAsync(Number(EndOfRows), ct);
        await _rows.DisposeAsync();
        await _chunks.FinishRowsAsync(ct);
        var manifest = new BackupManifest
        {
            File = _header.File,
            CreatedAt = _header.CreatedAt,
            Tenants = _tenants,
            Rows = _tables.Values.Sum(),
            Tables = _tables,
            Contents = _contents.Finish().Hash,
            Bytes = Convert.ToHexStringLower(_hash.GetCurrentHash()),
        };
        var text = JsonSerializer.SerializeToUtf8Bytes(manifest, BackupJson.Default.BackupManifest);
        var signature = _keys.Sign(ChunkCipher.Purpose, text);
        var seal = new BackupSeal(text, signature.KeyId, signature.Value);
        await _chunks.FinishAsync(JsonSerializer.SerializeToUtf8Bytes(seal, BackupJson.Default.BackupSeal), ct);
        return manifest;
    }

    public async ValueTask DisposeAsync()
    {
        _chunks.Abandon(); // The compression would hand on what it holds, to a disk that may just have refused.
        await _rows.DisposeAsync();
        await _chunks.DisposeAsync();
        _cipher.Dispose();
        _contents.Dispose();
        _hash.Dispose();
    }

    /// <summary>Adds a table of a tenant to what the manifest sums up.</summary>
    internal static void AddTo(TableDigest contents, BackupTable table, TableSum sum)
    {
        contents.Add(table.Tenant);
        contents.Add(table.Table);
        contents.Add(sum.Rows);
        contents.Add(sum.Hash);
        contents.EndRow();
    }

    private static byte[] Number(int value)
    {
        var bytes = new byte[sizeof(int)];
        BinaryPrimitives.WriteInt32BigEndian(bytes, value);
        return bytes;
    }

    private static byte[] Number(long value)
    {
        var bytes = new byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(bytes, value);
        return bytes;
    }
}
