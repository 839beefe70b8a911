using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Memoir.Kit.Http;

/// <summary>
/// The opaque place in a list: the order values of the last item and a hash of the filter it was made for, so that it
/// cannot silently continue another list.
/// </summary>
public static class Cursor
{
    private const char Separator = '\u001f';

    /// <param name="filter">All that decides which list this is: route, tenant and parameters.</param>
    /// <param name="order">The order values of the last item given.</param>
    public static string Encode(string filter, params ReadOnlySpan<string> order)
    {
        var text = Hash(filter) + Separator + string.Join(Separator, order);
        return Base64Url.EncodeToString(Encoding.UTF8.GetBytes(text));
    }

    /// <exception cref="ProblemException">The cursor is not ours, or belongs to another list: 400 <c>invalid-cursor</c>.</exception>
    public static string[] Decode(string cursor, string filter, int values)
    {
        if (cursor.Length <= 2048 && Base64Url.IsValid(cursor))
        {
            var bytes = new byte[Base64Url.GetMaxDecodedLength(cursor.Length)];
            if (Base64Url.TryDecodeFromChars(cursor, bytes, out var length))
            {
                // The last value may be a caller's text, with separators of its own.
                var parts = Encoding.UTF8.GetString(bytes.AsSpan(0, length)).Split(Separator, values + 1);
                if (parts.Length == values + 1 && parts[0] == Hash(filter))
                {
                    return parts[1..];
                }
            }
        }

        throw Invalid();
    }

    public static ProblemException Invalid() =>
        new(Problem.InvalidCursor, "The cursor does not belong to this list; start again without one.");

    private static string Hash(string filter) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(filter)).AsSpan(0, 8));
}
