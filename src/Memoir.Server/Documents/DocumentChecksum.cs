using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Memoir.Server.Documents;

/// <summary>Tells whether a version is what was written; it is no proof against whoever can write to the database.</summary>
internal static class DocumentChecksum
{
    public static string Of(Guid document, long version, string content)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"memoir-document 1\n{document}\n{version}\n")));
        hash.AppendData(Encoding.UTF8.GetBytes(content));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
