using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Unicode;

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
        var text = new StringBuilder(Hash(filter));
        foreach (var value in order)
        {
            text.Append(Separator).Append(Mask(value));
        }

        return Base64Url.EncodeToString(Encoding.UTF8.GetBytes(text.ToString()));
    }

    /// <summary>An order value that is a place in an order, 0 or more.</summary>
    /// <exception cref="ProblemException">400 <c>invalid-cursor</c>: it is none.</exception>
    public static long Place(string value) =>
        long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var place) ? place : throw Invalid();

    /// <exception cref="ProblemException">The cursor is not ours, or belongs to another list: 400 <c>invalid-cursor</c>.</exception>
    public static string[] Decode(string cursor, string filter, int values)
    {
        if (cursor.Length <= 2048 && Base64Url.IsValid(cursor))
        {
            var bytes = new byte[Base64Url.GetMaxDecodedLength(cursor.Length)];
            if (Base64Url.TryDecodeFromChars(cursor, bytes, out var length) && IsText(bytes.AsSpan(0, length)))
            {
                var parts = Encoding.UTF8.GetString(bytes.AsSpan(0, length)).Split(Separator);
                if (parts.Length == values + 1 && parts[0] == Hash(filter))
                {
                    return Array.ConvertAll(parts[1..], Unmask);
                }
            }
        }

        throw Invalid();
    }

    public static ProblemException Invalid() =>
        new(Problem.InvalidCursor, "The cursor does not belong to this list; start again without one.");

    /// <summary>What no text of ours has would be a fault to a database: PostgreSQL knows no NUL.</summary>
    private static bool IsText(ReadOnlySpan<byte> bytes) => Utf8.IsValid(bytes) && !bytes.Contains((byte)0);

    /// <summary>A value may be a caller's text, with separators of its own.</summary>
    private static string Mask(string value) => value.Replace("\u001e", "\u001e0", StringComparison.Ordinal).Replace("\u001f", "\u001e1", StringComparison.Ordinal);

    private static string Unmask(string value) => value.Replace("\u001e1", "\u001f", StringComparison.Ordinal).Replace("\u001e0", "\u001e", StringComparison.Ordinal);

    private static string Hash(string filter) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(filter)).AsSpan(0, 8));
}
