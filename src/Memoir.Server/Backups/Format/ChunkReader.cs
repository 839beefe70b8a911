using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Memoir.Server.Backups.Format;

/// <summary>Decrypts chunk after chunk; ends before the manifest, which then is there.</summary>
internal sealed class ChunkReader(Stream file, ChunkCipher cipher, IncrementalHash hash) : Stream
{
    private readonly byte[] _plain = new byte[ChunkCipher.LargestChunk];
    private readonly byte[] _chunk = new byte[5 + ChunkCipher.LargestChunk + ChunkCipher.TagLength];
    private int _from;
    private int _to;
    private long _number;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>What the last chunk holds; null until all others were read.</summary>
    public byte[]? Manifest { get; private set; }

    /// <summary>SHA-256 over all bytes before the last chunk.</summary>
    public string Hash => Convert.ToHexStringLower(hash.GetCurrentHash());

    /// <exception cref="InvalidDataException">The file ends too early or has no such form.</exception>
    /// <exception cref="CryptographicException">A chunk was changed, or is not the one that belongs here.</exception>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (_from == _to && Manifest is null)
        {
            await NextAsync(cancellationToken);
        }

        var given = Math.Min(buffer.Length, _to - _from);
        _plain.AsMemory(_from, given).CopyTo(buffer);
        _from += given;
        return given;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Flush()
    {
        // Nothing is written.
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    private async Task NextAsync(CancellationToken ct)
    {
        await FillAsync(_chunk.AsMemory(0, 5), ct);
        var kind = (ChunkKind)_chunk[0];
        var length = BinaryPrimitives.ReadInt32BigEndian(_chunk.AsSpan(1));
        if (kind is not (ChunkKind.Rows or ChunkKind.Manifest) || length is <= 0 or > ChunkCipher.LargestChunk)
        {
            throw new InvalidDataException("has a chunk of no known form");
        }

        var rest = length + ChunkCipher.TagLength;
        await FillAsync(_chunk.AsMemory(5, rest), ct);
        cipher.Decrypt(_number++, kind, _chunk.AsSpan(5, rest), _plain.AsSpan(0, length));
        if (kind is ChunkKind.Manifest)
        {
            Manifest = _plain.AsSpan(0, length).ToArray();
            return;
        }

        hash.AppendData(_chunk.AsSpan(0, 5 + rest));
        (_from, _to) = (0, length);
    }

    private async Task FillAsync(Memory<byte> part, CancellationToken ct)
    {
        if (await file.ReadAtLeastAsync(part, part.Length, throwOnEndOfStream: false, ct) < part.Length)
        {
            throw new InvalidDataException("is cut short");
        }
    }
}
