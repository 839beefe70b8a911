using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Memoir.Kit.Data;

namespace Memoir.Kit.Audit.Chain;

/// <summary>
/// What is hashed and signed, byte by byte as docs/audit.md has it: every field with its length, so that no two records
/// have the same bytes. It must never change; another encoding needs another first field.
/// </summary>
internal sealed class ChainHash : IDisposable
{
    public const int Length = 32;

    private const uint Absent = uint.MaxValue;
    private static readonly byte[] RecordMark = Encoding.UTF8.GetBytes("memoir-audit-1");

    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly ArrayWriter _fields = new();

    /// <summary>What stands for the hash before the first record.</summary>
    public static byte[] Start { get; } = new byte[Length];

    /// <summary>The hash of a record at its place; the tenant is part of it, so a record of another one never fits.</summary>
    public byte[] Of(byte[] previous, long position, Tenant tenant, AuditEntry entry)
    {
        _fields.Clear();
        _fields.Bytes(RecordMark).Bytes(previous).Number(position).Text(tenant.Id).Bytes(entry.Id.ToByteArray(bigEndian: true))
            .Number(entry.At.ToMicroseconds()).Text(entry.Actor).Text(entry.Action).Text(entry.Subject).Number(entry.Count)
            .Text(entry.RequestId).Text(entry.Address);
        _hash.AppendData(_fields.Written);
        return _hash.GetHashAndReset();
    }

    public void Dispose() => _hash.Dispose();

    /// <summary>Fields one after the other: a length of four bytes and the bytes, or eight bytes for a number, big-endian.</summary>
    internal sealed class ArrayWriter
    {
        private byte[] _bytes = new byte[1024];
        private int _length;

        public ReadOnlySpan<byte> Written => _bytes.AsSpan(0, _length);

        public void Clear() => _length = 0;

        public ArrayWriter Bytes(ReadOnlySpan<byte> value)
        {
            BinaryPrimitives.WriteUInt32BigEndian(Take(4), (uint)value.Length);
            value.CopyTo(Take(value.Length));
            return this;
        }

        public ArrayWriter Text(string? value)
        {
            if (value is null)
            {
                BinaryPrimitives.WriteUInt32BigEndian(Take(4), Absent);
                return this;
            }

            return Bytes(Encoding.UTF8.GetBytes(value));
        }

        public ArrayWriter Number(long value)
        {
            BinaryPrimitives.WriteInt64BigEndian(Take(8), value);
            return this;
        }

        private Span<byte> Take(int count)
        {
            if (_length + count > _bytes.Length)
            {
                Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, _length + count));
            }

            _length += count;
            return _bytes.AsSpan(_length - count, count);
        }
    }
}
