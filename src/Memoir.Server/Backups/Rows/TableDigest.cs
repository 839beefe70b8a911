using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Memoir.Server.Backups.Rows;

/// <summary>
/// Counts rows and sums them up: SHA-256 over every value of every row, each with its kind and length before it, so that
/// no two tables of different rows give the same. Both engines give the same for the same rows.
/// </summary>
/// <param name="copy">Given each row's bytes after their length; null where they are only summed up.</param>
internal sealed class TableDigest(IBufferWriter<byte>? copy) : IDisposable
{
    public const byte Nothing = 0;
    public const byte Text = 1;
    public const byte Number = 2;
    public const byte Real = 3;
    public const byte Id = 4;
    public const byte Bytes = 5;

    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly ArrayBufferWriter<byte> _row = new(4096);

    public long Rows { get; private set; }

    public void Add(string? value)
    {
        if (Begin(Text, value is null))
        {
            AddNumber(Encoding.UTF8.GetByteCount(value!));
            Encoding.UTF8.GetBytes(value, _row);
        }
    }

    public void Add(long? value)
    {
        if (Begin(Number, value is null))
        {
            AddNumber(value!.Value);
        }
    }

    public void Add(double? value)
    {
        if (Begin(Real, value is null))
        {
            AddNumber(BitConverter.DoubleToInt64Bits(value!.Value));
        }
    }

    public void Add(Guid? value)
    {
        if (Begin(Id, value is null))
        {
            value!.Value.TryWriteBytes(_row.GetSpan(16), bigEndian: true, out var written);
            _row.Advance(written);
        }
    }

    public void Add(byte[]? value)
    {
        if (Begin(Bytes, value is null))
        {
            AddNumber(value!.Length);
            _row.Write(value);
        }
    }

    /// <summary>A row that somebody has written before.</summary>
    public void AddRow(ReadOnlySpan<byte> row)
    {
        Rows++;
        _hash.AppendData(row);
    }

    public void EndRow()
    {
        AddRow(_row.WrittenSpan);
        if (copy is not null)
        {
            BinaryPrimitives.WriteInt32BigEndian(copy.GetSpan(sizeof(int)), _row.WrittenCount);
            copy.Advance(sizeof(int));
            copy.Write(_row.WrittenSpan);
        }

        _row.ResetWrittenCount();
    }

    public TableSum Finish() => new(Rows, Convert.ToHexStringLower(_hash.GetHashAndReset()));

    public void Dispose() => _hash.Dispose();

    private bool Begin(byte kind, bool isNull)
    {
        _row.GetSpan(1)[0] = isNull ? Nothing : kind;
        _row.Advance(1);
        return !isNull;
    }

    private void AddNumber(long value)
    {
        BinaryPrimitives.WriteInt64BigEndian(_row.GetSpan(sizeof(long)), value);
        _row.Advance(sizeof(long));
    }
}

/// <summary>How many rows of a table a tenant has, and what they sum up to.</summary>
internal sealed record TableSum(long Rows, string Hash);
