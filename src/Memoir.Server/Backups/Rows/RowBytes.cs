using System.Buffers.Binary;
using System.Text;

namespace Memoir.Server.Backups.Rows;

/// <summary>Reads a row as <see cref="TableDigest"/> sums it up, value by value.</summary>
internal ref struct RowBytes(ReadOnlySpan<byte> bytes)
{
    private readonly ReadOnlySpan<byte> _bytes = bytes;
    private int _at;

    public readonly bool IsAtEnd => _at == _bytes.Length;

    public string? Text() => Begin(TableDigest.Text) ? Encoding.UTF8.GetString(Take(Length())) : null;

    public byte[]? Bytes() => Begin(TableDigest.Bytes) ? Take(Length()).ToArray() : null;

    public long? Number() => Begin(TableDigest.Number) ? BinaryPrimitives.ReadInt64BigEndian(Take(sizeof(long))) : null;

    public double? Real() => Begin(TableDigest.Real) ? BitConverter.Int64BitsToDouble(BinaryPrimitives.ReadInt64BigEndian(Take(sizeof(long)))) : null;

    public Guid? Id() => Begin(TableDigest.Id) ? new Guid(Take(16), bigEndian: true) : null;

    private static InvalidDataException Unreadable() => new("a row has another form than this program knows");

    private bool Begin(byte kind) => Take(1)[0] is var found && found == kind || (found == TableDigest.Nothing ? false : throw Unreadable());

    private int Length() => BinaryPrimitives.ReadInt64BigEndian(Take(sizeof(long))) is >= 0 and <= int.MaxValue and var length ? (int)length : throw Unreadable();

    private ReadOnlySpan<byte> Take(int length)
    {
        if (length > _bytes.Length - _at)
        {
            throw Unreadable();
        }

        var taken = _bytes.Slice(_at, length);
        _at += length;
        return taken;
    }
}
