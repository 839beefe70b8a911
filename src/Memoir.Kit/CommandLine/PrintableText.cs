using System.Globalization;
using System.Text;

namespace Memoir.Kit.CommandLine;

/// <summary>Text of others on its way to a terminal: what could move the cursor or fake a line is escaped.</summary>
public static class PrintableText
{
    public static string Of(string text)
    {
        var line = new StringBuilder(text.Length);
        Append(line, text);
        return line.ToString();
    }

    public static void Append(StringBuilder line, string text)
    {
        foreach (var c in text)
        {
            if (char.GetUnicodeCategory(c) is UnicodeCategory.Control or UnicodeCategory.Format
                or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator)
            {
                line.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            }
            else
            {
                line.Append(c);
            }
        }
    }
}
