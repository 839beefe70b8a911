using System.Buffers.Binary;
using Memoir.Kit.Data;
using Memoir.Server.Embeddings.Vectors;

namespace Memoir.Server.Embeddings.Stored;

/// <summary>
/// The one column whose type the engines do not share: a byte per dimension in SQLite, pgvector's <c>vector</c> in
/// PostgreSQL. Both hold the same numbers, so cosines are the same.
/// </summary>
internal static class VectorColumn
{
    private const int HeaderLength = 4;

    /// <summary>The parameter <c>@vector</c> as a statement writes it.</summary>
    public static string Written(Session session) => session.Dialect == Dialect.Postgres ? "CAST(@vector AS real[])::vector" : "@vector";

    /// <summary>The column as a statement reads it.</summary>
    public static string Read(Session session) => session.Dialect == Dialect.Postgres ? "vector_send(vector)" : "vector";

    public static float[] ToFloats(byte[] encoded) => VectorCodec.Decode(encoded, encoded.Length - VectorCodec.LengthOf(0));

    /// <summary>What was read as our own encoding, which gives back what was encoded before.</summary>
    public static ReadOnlySpan<byte> Encoded(Session session, ReadOnlySpan<byte> read)
    {
        if (session.Dialect != Dialect.Postgres)
        {
            return read;
        }

        // pgvector's binary form: dimensions and a reserved number of two bytes each, then big-endian floats.
        var vector = new float[BinaryPrimitives.ReadInt16BigEndian(read)];
        for (var i = 0; i < vector.Length; i++)
        {
            vector[i] = BinaryPrimitives.ReadSingleBigEndian(read[(HeaderLength + (i * sizeof(float)))..]);
        }

        return VectorCodec.Encode(vector);
    }
}
