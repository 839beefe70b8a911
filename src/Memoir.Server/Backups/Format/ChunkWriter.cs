using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Memoir.Server.Backups.Format;

/// <summary>Cuts what is written into chunks: kind, length, encrypted bytes and tag of each.</summary>
internal sealed class ChunkWriter(Stream file, ChunkCipher cipher, IncrementalHash hash) : Stream
{
    private readonly byte[] _plain = new byte[ChunkCipher.LargestChunk];
    private readonly byte[] _chunk = new byte[5 + ChunkCipher.LargestChunk + ChunkCipher.TagLength];
    private int _filled;
    private long _number;
    private bool _isAbandoned;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (buffer.Length > 0 && !_isAbandoned)
        {
            var taken = Math.Min(buffer.Length, _plain.Length - _filled);
            buffer[..taken].CopyTo(_plain.AsMemory(_filled));
            buffer = buffer[taken..];
            _filled += taken;
            if (_filled == _plain.Length)
            {
                await EndChunkAsync(ChunkKind.Rows, cancellationToken);
            }
        }
    }

    /// <summary>Nothing more is written: what is being written will not be complete.</summary>
    public void Abandon() => _isAbandoned = true;

    /// <summary>Writes the rest.</summary>
    public async Task FinishRowsAsync(CancellationToken ct)
    {
        if (_filled > 0)
        {
            await EndChunkAsync(ChunkKind.Rows, ct);
        }
    }

    public async Task FinishAsync(ReadOnlyMemory<byte> manifest, CancellationToken ct)
    {
        manifest.CopyTo(_plain);
        _filled = manifest.Length;
        await EndChunkAsync(ChunkKind.Manifest, ct);
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override void Flush()
    {
        // A chunk goes when it is full.
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    private async Task EndChunkAsync(ChunkKind kind, CancellationToken ct)
    {
        var length = 5 + _filled + ChunkCipher.TagLength;
        _chunk[0] = (byte)kind;
        BinaryPrimitives.WriteInt32BigEndian(_chunk.AsSpan(1), _filled);
        cipher.Encrypt(_number++, kind, _plain.AsSpan(0, _filled), _chunk.AsSpan(5, _filled + ChunkCipher.TagLength));
        hash.AppendData(_chunk.AsSpan(0, length));
        _filled = 0;
        await file.WriteAsync(_chunk.AsMemory(0, length), ct);
    }
}
