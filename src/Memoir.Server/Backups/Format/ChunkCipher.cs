using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Memoir.Server.Backups.Format;

/// <summary>What a chunk of a backup is.</summary>
internal enum ChunkKind : byte
{
    Rows = 1,

    /// <summary>The last one.</summary>
    Manifest = 2,
}

/// <summary>
/// Encrypts the chunks of one backup with a key of that backup alone. A chunk is bound to the header, its number and its
/// kind: it opens nowhere else, in no other place and not as the last one.
/// </summary>
internal sealed class ChunkCipher : IDisposable
{
    public const string Purpose = "backup";
    public const int LargestChunk = 256 * 1024;
    public const int TagLength = 16;

    private readonly byte[] _header;
    private readonly AesGcm _cipher;

    /// <param name="instanceKey">The installation's key for backups.</param>
    /// <param name="header">All that stands before the first chunk; it holds a random id, so each backup has another key.</param>
    public ChunkCipher(byte[] instanceKey, ReadOnlySpan<byte> header)
    {
        _header = SHA256.HashData(header);
        _cipher = new AesGcm(HKDF.DeriveKey(HashAlgorithmName.SHA256, instanceKey, 32, _header, Encoding.ASCII.GetBytes("memoir backup chunks")), TagLength);
    }

    /// <param name="number">From 0 on.</param>
    /// <param name="kind">What it is.</param>
    /// <param name="plain">At most <see cref="LargestChunk"/>.</param>
    /// <param name="cipher">As long, and a tag more.</param>
    public void Encrypt(long number, ChunkKind kind, ReadOnlySpan<byte> plain, Span<byte> cipher) =>
        _cipher.Encrypt(Nonce(number), plain, cipher[..plain.Length], cipher[plain.Length..], Binding(number, kind));

    /// <exception cref="CryptographicException">It is not that chunk of that backup, or was changed.</exception>
    public void Decrypt(long number, ChunkKind kind, ReadOnlySpan<byte> cipher, Span<byte> plain) =>
        _cipher.Decrypt(Nonce(number), cipher[..^TagLength], cipher[^TagLength..], plain, Binding(number, kind));

    public void Dispose() => _cipher.Dispose();

    private static byte[] Nonce(long number)
    {
        var nonce = new byte[12];
        BinaryPrimitives.WriteInt64BigEndian(nonce.AsSpan(4), number);
        return nonce;
    }

    private byte[] Binding(long number, ChunkKind kind)
    {
        var binding = new byte[_header.Length + 9];
        _header.CopyTo(binding, 0);
        BinaryPrimitives.WriteInt64BigEndian(binding.AsSpan(_header.Length), number);
        binding[^1] = (byte)kind;
        return binding;
    }
}
