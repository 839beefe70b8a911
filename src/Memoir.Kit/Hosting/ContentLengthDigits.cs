using System.Text;

namespace Memoir.Kit.Hosting;

/// <summary>
/// Decodes a Content-Length to a number only when it is digits. The server would take <c>+2</c> for 2 and a proxy in front of it may
/// not: two opinions on where a request ends are how one is smuggled in.
/// </summary>
internal sealed class ContentLengthDigits : Encoding
{
    private const int MostDigits = 19;

    public static ContentLengthDigits Instance { get; } = new();

    public override int GetChars(byte[] bytes, int byteIndex, int byteCount, char[] chars, int charIndex)
    {
        if (byteCount is 0 or > MostDigits || bytes.AsSpan(byteIndex, byteCount).ContainsAnyExceptInRange((byte)'0', (byte)'9'))
        {
            chars[charIndex] = '?'; // Which the server refuses to take for a number.
            return 1;
        }

        return ASCII.GetChars(bytes, byteIndex, byteCount, chars, charIndex);
    }

    public override int GetCharCount(byte[] bytes, int index, int count) => count;

    public override int GetMaxCharCount(int byteCount) => byteCount;

    public override int GetByteCount(char[] chars, int index, int count) => count;

    public override int GetMaxByteCount(int charCount) => charCount;

    public override int GetBytes(char[] chars, int charIndex, int charCount, byte[] bytes, int byteIndex) =>
        ASCII.GetBytes(chars, charIndex, charCount, bytes, byteIndex);
}
