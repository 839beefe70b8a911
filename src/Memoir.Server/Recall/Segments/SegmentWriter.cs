using System.Buffers.Binary;

namespace Memoir.Server.Recall.Segments;

/// <summary>A growing byte buffer with the few encodings a segment uses.</summary>
internal sealed class SegmentWriter
{
    private byte[] _bytes = new byte[1 << 16];
    private int _length;

    public Span<byte> Written => _bytes.AsSpan(0, _length);

    public void Byte(byte value) => Room(1)[0] = value;

    public void Fixed(ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(Room(2), value);

    public void Append(ReadOnlySpan<byte> bytes) => bytes.CopyTo(Room(bytes.Length));

    public void Fixed(ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(Room(8), value);

    public void Fixed(float value) => BinaryPrimitives.WriteSingleLittleEndian(Room(4), value);

    public void Unsigned(ulong value)
    {
        while (value >= 0x80)
        {
            Byte((byte)(value | 0x80));
            value >>= 7;
        }

        Byte((byte)value);
    }

    public void Signed(long value) => Unsigned((ulong)((value << 1) ^ (value >> 63)));

    public void Text(string value)
    {
        // UTF-16 code units, so that a name with a lone surrogate comes back as it was.
        Unsigned((ulong)value.Length);
        foreach (var c in value)
        {
            Unsigned(c);
        }
    }

    private Span<byte> Room(int count)
    {
        if (_length + count > _bytes.Length)
        {
            Array.Resize(ref _bytes, Math.Max(_length + count, _bytes.Length * 2));
        }

        _length += count;
        return _bytes.AsSpan(_length - count, count);
    }
}
