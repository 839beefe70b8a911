using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Memoir.Kit.Security;

/// <summary>Random secrets and their fingerprints. What is stored is never enough to sign in with.</summary>
public static class Secrets
{
    /// <summary>A random text of the URL-safe base64 alphabet; 32 bytes make 43 characters.</summary>
    public static string Random(int bytes) => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(bytes));

    /// <summary>SHA-256: enough for secrets with 128 bits or more of chance, and quick enough for every request.</summary>
    public static byte[] Hash(string secret) => SHA256.HashData(Encoding.UTF8.GetBytes(secret));

    /// <summary>Compares without telling by its time where the difference is.</summary>
    public static bool AreEqual(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b) => CryptographicOperations.FixedTimeEquals(a, b);
}
