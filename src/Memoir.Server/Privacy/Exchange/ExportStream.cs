using System.Buffers;
using System.IO.Pipelines;
using System.Security.Cryptography;

namespace Memoir.Server.Privacy.Exchange;

/// <summary>Lines on their way to a reader, in pieces that a slow one cannot pile up, with their checksum.</summary>
internal sealed class ExportStream(PipeWriter output, TimeProvider time, CancellationToken ct) : IDisposable
{
    private const int PieceBytes = 64 * 1024;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly ArrayBufferWriter<byte> _waiting = new(PieceBytes);
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    /// <summary>Of all lines so far.</summary>
    public string Checksum => Convert.ToHexStringLower(_hash.GetCurrentHash());

    public async Task WriteAsync(byte[] line)
    {
        _hash.AppendData(line);
        _hash.AppendData("\n"u8);
        _waiting.Write(line);
        _waiting.Write("\n"u8);
        if (_waiting.WrittenCount >= PieceBytes)
        {
            await FlushAsync();
        }
    }

    /// <summary>A reader that takes no piece for half a minute is left.</summary>
    public async Task FlushAsync()
    {
        using var patience = new CancellationTokenSource(Patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, ct);
        for (var at = 0; at < _waiting.WrittenCount; at += PieceBytes)
        {
            await output.WriteAsync(_waiting.WrittenMemory.Slice(at, Math.Min(PieceBytes, _waiting.WrittenCount - at)), either.Token);
            patience.CancelAfter(Patience);
        }

        _waiting.ResetWrittenCount();
    }

    public void Dispose() => _hash.Dispose();
}
