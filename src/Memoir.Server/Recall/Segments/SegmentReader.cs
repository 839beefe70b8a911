using System.Buffers.Binary;

namespace Memoir.Server.Recall.Segments;

/// <summary>Reads what <see cref="SegmentWriter"/> wrote.</summary>
internal ref struct SegmentReader(ReadOnlySpan<byte> bytes)
{
    private readonly ReadOnlySpan<byte> _bytes = bytes;
    private int _at;

    public int At
    {
        readonly get => _at;
        init => _at = value;
    }

    public byte Byte() => _bytes[_at++];

    public ulong FixedLong()
    {
        _at += 8;
        return BinaryPrimitives.ReadUInt64LittleEndian(_bytes[(_at - 8)..]);
    }

    public float FixedFloat()
    {
        _at += 4;
        return BinaryPrimitives.ReadSingleLittleEndian(_bytes[(_at - 4)..]);
    }

    public ulong Unsigned()
    {
        ulong value = _bytes[_at++];
        if (value < 0x80)
        {
            return value;
        }

        value &= 0x7f;
        for (var shift = 7; ; shift += 7)
        {
            ulong next = _bytes[_at++];
            value |= (next & 0x7f) << shift;
            if (next < 0x80)
            {
                return value;
            }
        }
    }

    public int Count()
    {
        // Nearly all numbers of a segment fit into two bytes.
        uint first = _bytes[_at];
        if (first < 0x80)
        {
            _at++;
            return (int)first;
        }

        uint second = _bytes[_at + 1];
        if (second < 0x80)
        {
            _at += 2;
            return (int)((first & 0x7f) | (second << 7));
        }

        return checked((int)Unsigned());
    }

    public long Signed()
    {
        var value = Unsigned();
        return (long)(value >> 1) ^ -(long)(value & 1);
    }

    public string Text()
    {
        var text = new char[Count()];
        for (var i = 0; i < text.Length; i++)
        {
            text[i] = (char)Unsigned();
        }

        return new string(text);
    }
}
