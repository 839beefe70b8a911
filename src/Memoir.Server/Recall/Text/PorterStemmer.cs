namespace Memoir.Server.Recall.Text;

/// <summary>Porter's 1980 stemmer over a buffer of lower-case ASCII letters, in place.</summary>
internal static class PorterStemmer
{
    private static readonly (string Suffix, string Replacement)[] Step2 = Longest(
        ("ational", "ate"), ("tional", "tion"), ("enci", "ence"), ("anci", "ance"), ("izer", "ize"), ("abli", "able"),
        ("alli", "al"), ("entli", "ent"), ("eli", "e"), ("ousli", "ous"), ("ization", "ize"), ("ation", "ate"), ("ator", "ate"),
        ("alism", "al"), ("iveness", "ive"), ("fulness", "ful"), ("ousness", "ous"), ("aliti", "al"), ("iviti", "ive"),
        ("biliti", "ble"));

    private static readonly (string Suffix, string Replacement)[] Step3 = Longest(
        ("icate", "ic"), ("ative", ""), ("alize", "al"), ("iciti", "ic"), ("ical", "ic"), ("ful", ""), ("ness", ""));

    private static readonly string[] Step4 =
    [
        "ement", "ance", "ence", "able", "ible", "ment", "ant", "ent", "ism", "ate", "iti", "ous", "ive", "ize", "al", "er", "ic", "ou",
    ];

    /// <summary>Stems the first <paramref name="length"/> characters and answers the new length. The buffer needs one spare character.</summary>
    public static int Stem(Span<char> buffer, int length)
    {
        if (length <= 2)
        {
            return length;
        }

        length = Plural(buffer, length);
        length = PastAndGerund(buffer, length);
        if (buffer[length - 1] == 'y' && HasVowel(buffer[..(length - 1)]))
        {
            buffer[length - 1] = 'i';
        }

        length = Replace(buffer, length, Step2);
        length = Replace(buffer, length, Step3);
        length = Remove(buffer, length);
        return Tidy(buffer, length);
    }

    private static int Plural(Span<char> w, int n)
    {
        var word = (ReadOnlySpan<char>)w[..n];
        return word.EndsWith("sses") || word.EndsWith("ies") ? n - 2
            : word.EndsWith("ss") || word[n - 1] != 's' ? n : n - 1;
    }

    private static int PastAndGerund(Span<char> w, int n)
    {
        var word = (ReadOnlySpan<char>)w[..n];
        if (word.EndsWith("eed"))
        {
            return Measure(word[..(n - 3)]) > 0 ? n - 1 : n;
        }

        if (word.EndsWith("ed") && HasVowel(word[..(n - 2)]))
        {
            n -= 2;
        }
        else if (word.EndsWith("ing") && HasVowel(word[..(n - 3)]))
        {
            n -= 3;
        }
        else
        {
            return n;
        }

        word = w[..n];
        if (word.EndsWith("at") || word.EndsWith("bl") || word.EndsWith("iz") || (Measure(word) == 1 && IsShort(word)))
        {
            w[n] = 'e';
            return n + 1;
        }

        return EndsDouble(word) && word[n - 1] is not ('l' or 's' or 'z') ? n - 1 : n;
    }

    private static int Replace(Span<char> w, int n, (string Suffix, string Replacement)[] rules)
    {
        var word = (ReadOnlySpan<char>)w[..n];
        foreach (var (suffix, replacement) in rules)
        {
            if (word.EndsWith(suffix))
            {
                var stem = n - suffix.Length;
                if (Measure(word[..stem]) == 0)
                {
                    return n;
                }

                replacement.CopyTo(w[stem..]);
                return stem + replacement.Length;
            }
        }

        return n;
    }

    private static int Remove(Span<char> w, int n)
    {
        var word = (ReadOnlySpan<char>)w[..n];
        foreach (var suffix in Step4)
        {
            if (word.EndsWith(suffix))
            {
                return Measure(word[..(n - suffix.Length)]) > 1 ? n - suffix.Length : n;
            }
        }

        return n > 3 && word.EndsWith("ion") && word[n - 4] is 's' or 't' && Measure(word[..(n - 3)]) > 1 ? n - 3 : n;
    }

    private static int Tidy(Span<char> w, int n)
    {
        var word = (ReadOnlySpan<char>)w[..n];
        if (n > 1 && word[n - 1] == 'e')
        {
            var stem = word[..(n - 1)];
            var measure = Measure(stem);
            if (measure > 1 || (measure == 1 && !IsShort(stem)))
            {
                n--;
                word = stem;
            }
        }

        return n > 1 && word[n - 1] == 'l' && EndsDouble(word) && Measure(word) > 1 ? n - 1 : n;
    }

    private static bool IsConsonant(ReadOnlySpan<char> w, int i)
    {
        // A y is a consonant after a vowel: counted along the run of y's, because recursion would be quadratic on "yyyy…".
        if (w[i] is 'a' or 'e' or 'i' or 'o' or 'u')
        {
            return false;
        }

        if (w[i] != 'y')
        {
            return true;
        }

        var run = i;
        while (run > 0 && w[run - 1] == 'y')
        {
            run--;
        }

        var first = run == 0 || w[run - 1] is 'a' or 'e' or 'i' or 'o' or 'u';
        return ((i - run) % 2 == 0) == first;
    }

    private static int Measure(ReadOnlySpan<char> w)
    {
        int count = 0, i = 0;
        while (i < w.Length && IsConsonant(w, i))
        {
            i++;
        }

        while (i < w.Length)
        {
            while (i < w.Length && !IsConsonant(w, i))
            {
                i++;
            }

            if (i == w.Length)
            {
                break;
            }

            count++;
            while (i < w.Length && IsConsonant(w, i))
            {
                i++;
            }
        }

        return count;
    }

    private static bool HasVowel(ReadOnlySpan<char> w)
    {
        for (var i = 0; i < w.Length; i++)
        {
            if (!IsConsonant(w, i))
            {
                return true;
            }
        }

        return false;
    }

    private static bool EndsDouble(ReadOnlySpan<char> w) => w.Length > 1 && w[^1] == w[^2] && IsConsonant(w, w.Length - 1);

    private static bool IsShort(ReadOnlySpan<char> w) => w.Length > 2 && IsConsonant(w, w.Length - 3) && !IsConsonant(w, w.Length - 2)
        && IsConsonant(w, w.Length - 1) && w[^1] is not ('w' or 'x' or 'y');

    private static (string Suffix, string Replacement)[] Longest(params (string Suffix, string Replacement)[] rules) =>
        [.. rules.OrderByDescending(rule => rule.Suffix.Length)];
}
