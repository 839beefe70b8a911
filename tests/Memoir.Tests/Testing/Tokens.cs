using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Memoir.Tests.Testing;

/// <summary>Makes tokens as other services do, and as nobody should.</summary>
internal static class Tokens
{
    public const string Secret = "9f2c41d07b3e5a68c1f4e2d97a0b6c85ffed31aa";

    public const string Header = """{"alg":"HS256","typ":"JWT"}""";

    public static string Signed(string claims, string header = Header, string secret = Secret) => Signed(Encoding.UTF8.GetBytes(header), Encoding.UTF8.GetBytes(claims), secret);

    public static string Signed(byte[] header, byte[] claims, string secret = Secret)
    {
        var signed = $"{Base64Url.EncodeToString(header)}.{Base64Url.EncodeToString(claims)}";
        return $"{signed}.{Signature(signed, secret)}";
    }

    public static string Signature(string signed, string secret = Secret) =>
        Base64Url.EncodeToString(HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), Encoding.ASCII.GetBytes(signed)));
}
