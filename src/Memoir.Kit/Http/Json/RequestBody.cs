using System.Buffers;

namespace Memoir.Kit.Http.Json;

/// <summary>A whole request body in a pooled buffer that grows with what arrives, never with what is announced.</summary>
public sealed class RequestBody(Transfers transfers, string owner) : IDisposable
{
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(4096);
    private int _taken;

    public int Length { get; private set; }

    public ReadOnlySpan<byte> Span => _buffer.AsSpan(0, Length);

    public void Append(ReadOnlySpan<byte> part)
    {
        if (Length + part.Length > _buffer.Length)
        {
            Grow(Math.Max(Length + part.Length, _buffer.Length * 2));
        }

        part.CopyTo(_buffer.AsSpan(Length));
        Length += part.Length;
    }

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_buffer);
        transfers.GiveBackBody(_taken, owner);
        _buffer = [];
        Length = 0;
        _taken = 0;
    }

    private void Grow(int size)
    {
        if (size > Transfers.PieceBytes)
        {
            transfers.TakeForBody(size - _taken, owner);
            _taken = size;
        }

        var larger = ArrayPool<byte>.Shared.Rent(size);
        Span.CopyTo(larger);
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = larger;
    }
}
