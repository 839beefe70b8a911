using System.Text;

namespace Memoir.Server.Quality.Doubts;

/// <summary>A text's sentences as far as their beginnings matter: marks of lists and quoted lines gone, words that only lead in gone, one space between words.</summary>
internal static class Sentences
{
    private const int Longest = 240;
    private const int MostLeads = 4;

    private static readonly HashSet<string> Leads = new(StringComparer.OrdinalIgnoreCase)
    {
        "please", "now", "also", "important", "attention", "urgent", "note", "warning", "hello", "hey", "hi", "dear", "ok", "okay", "assistant", "ai", "chatgpt", "claude", "gpt",
        "system", "first", "instead", "and", "but", "then", "p.s", "ps", "instruction", "instructions",
    };

    public static IEnumerable<string> Of(string text)
    {
        for (var from = 0; from < text.Length;)
        {
            var end = EndOf(text, from);
            if (Plain(text, from, end) is { Length: > 0 } sentence)
            {
                yield return sentence;
            }

            from = end + 1;
        }
    }

    private static int EndOf(string text, int from)
    {
        for (var i = from; i < text.Length; i++)
        {
            if (text[i] is '\n' or '\r' || (text[i] is '.' or '!' or '?' or ';' && (i + 1 == text.Length || char.IsWhiteSpace(text[i + 1]))))
            {
                return i;
            }
        }

        return text.Length;
    }

    private static string Plain(string text, int from, int end)
    {
        from = AfterMarks(text, from, end);
        for (var lead = 0; lead < MostLeads; lead++)
        {
            var word = from;
            while (word < end && (char.IsAsciiLetter(text[word]) || (text[word] == '.' && word > from)))
            {
                word++;
            }

            if (word == end || !Leads.Contains(text[from..word].TrimEnd('.')) || !(text[word] is ',' or ':' or '!' || char.IsWhiteSpace(text[word])))
            {
                break;
            }

            from = AfterMarks(text, word + 1, end);
        }

        var sentence = new StringBuilder(Math.Min(end - from, Longest));
        for (var i = from; i < end && sentence.Length < Longest; i++)
        {
            if (!char.IsWhiteSpace(text[i]))
            {
                sentence.Append(text[i]);
            }
            else if (sentence.Length > 0 && sentence[^1] != ' ')
            {
                sentence.Append(' ');
            }
        }

        return sentence.ToString().TrimEnd();
    }

    private static int AfterMarks(string text, int from, int end)
    {
        while (from < end && (char.IsWhiteSpace(text[from]) || text[from] is '>' or '*' or '#' or '-' or '<' or '!' or '/' or ','))
        {
            from++;
        }

        return from;
    }
}
