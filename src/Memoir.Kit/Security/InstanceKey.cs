using System.Globalization;
using System.Numerics;
using System.Security.Cryptography;
using System.Text;

namespace Memoir.Kit.Security;

/// <summary>What one secret becomes: a signing key, and a symmetric key for each purpose.</summary>
internal sealed class InstanceKey : IDisposable
{
    /// <summary>The order of P-256's base point.</summary>
    private static readonly BigInteger Order = BigInteger.Parse(
        "0ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);

    private readonly byte[] _secret;
    private readonly ECDsa _signing;
    private readonly Lock _gate = new();

    public InstanceKey(string secret)
    {
        _secret = Encoding.UTF8.GetBytes(secret);
        _signing = ECDsa.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP256, D = Scalar(Expand("signing", 48)) });
        PublicPem = _signing.ExportSubjectPublicKeyInfoPem();
        Id = Convert.ToHexStringLower(SHA256.HashData(_signing.ExportSubjectPublicKeyInfo()))[..16];
    }

    /// <summary>The beginning of the public key's SHA-256.</summary>
    public string Id { get; }

    public string PublicPem { get; }

    public byte[] Sign(byte[] data)
    {
        lock (_gate)
        {
            return _signing.SignData(data, HashAlgorithmName.SHA256);
        }
    }

    public bool Verify(byte[] data, byte[] signature)
    {
        lock (_gate)
        {
            return _signing.VerifyData(data, signature, HashAlgorithmName.SHA256);
        }
    }

    public byte[] Derive(string purpose) => Expand($"purpose:{purpose}", 32);

    public void Dispose() => _signing.Dispose();

    /// <summary>FIPS 186-5, A.2.1: 16 more bytes than the order has make the remainder even.</summary>
    private static byte[] Scalar(byte[] random)
    {
        var number = (new BigInteger(random, isUnsigned: true, isBigEndian: true) % (Order - 1)) + 1;
        var scalar = new byte[32];
        var bytes = number.ToByteArray(isUnsigned: true, isBigEndian: true);
        bytes.CopyTo(scalar, scalar.Length - bytes.Length);
        return scalar;
    }

    private byte[] Expand(string info, int length) =>
        HKDF.DeriveKey(HashAlgorithmName.SHA256, _secret, length, "memoir"u8.ToArray(), Encoding.UTF8.GetBytes(info));
}
