namespace Memoir.Server.Recall.Text;

/// <summary>Cuts text into terms: folded, stemmed words and numbers, and characters with their bigrams where a script has no spaces.</summary>
internal static class Tokenizer
{
    private const int MaxWordLength = 64;
    private const char Unspaced = '\ufffe';
    private static readonly StemCache Stems = new();

    /// <summary>The month, as opposed to the auxiliary verb, which is a stop word.</summary>
    public static readonly ulong MonthOfMay = TermHash.Content(TermHash.Of("month of may"));

    /// <summary>Adds the terms of <paramref name="text"/>. Linear in its length whatever it holds.</summary>
    public static void Read(ReadOnlySpan<char> text, TokenBuffer tokens)
    {
        Span<char> word = stackalloc char[MaxWordLength + 2];
        int length = 0, start = 0, apostrophe = 0;
        int unspaced = 0, unspacedRun = 0;
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            var folded = c < 128 ? char.IsAsciiLetterOrDigit(c) ? (char)(c | 0x20) : '\0' : FoldWide(text, ref i, ref unspaced);
            if (folded == CharacterFolding.Dropped)
            {
                continue;
            }

            if (folded == Unspaced)
            {
                Flush(text, word, ref length, ref apostrophe, start, i, tokens);
                unspacedRun = AddUnspaced(unspaced, unspacedRun, i, tokens);
                continue;
            }

            unspacedRun = EndUnspaced(unspacedRun, i, tokens);
            if (folded != '\0')
            {
                if (length == 0)
                {
                    start = i;
                }

                if (length < MaxWordLength)
                {
                    var (first, second) = c < 128 ? default : CharacterFolding.Expand(c);
                    word[length++] = first == '\0' ? folded : first;
                    if (second != '\0')
                    {
                        word[length++] = second;
                    }
                }
            }
            else if (length > 0)
            {
                if (c is '\'' or '\u2019' or '\u02bc' or '\uff07' && apostrophe == 0 && i + 1 < text.Length && char.IsLetter(text[i + 1]))
                {
                    apostrophe = length;
                }
                else
                {
                    Flush(text, word, ref length, ref apostrophe, start, i, tokens);
                }
            }
        }

        Flush(text, word, ref length, ref apostrophe, start, text.Length, tokens);
        EndUnspaced(unspacedRun, text.Length, tokens);
    }

    /// <summary>The term of one folded, lower-case word.</summary>
    public static ulong Reduce(ReadOnlySpan<char> word)
    {
        var hash = TermHash.Of(word);
        if (!Stems.TryGet(hash, out var term))
        {
            term = ReduceUncached(word);
            Stems.Set(hash, term);
        }

        return term;
    }

    private static ulong ReduceUncached(ReadOnlySpan<char> word)
    {
        if (StopWords.Contains(word))
        {
            return TermHash.Stop(TermHash.Of(word));
        }

        Span<char> buffer = stackalloc char[MaxWordLength + 4];
        var lemma = IrregularForms.TryFind(word, out var irregular) ? irregular : word;
        lemma.CopyTo(buffer);
        var length = lemma.ContainsAnyExceptInRange('a', 'z') ? lemma.Length : PorterStemmer.Stem(buffer, lemma.Length);
        return TermHash.Content(TermHash.Of(buffer[..length]));
    }

    private static void Flush(
        ReadOnlySpan<char> text, Span<char> word, ref int length, ref int apostrophe, int start, int end, TokenBuffer tokens)
    {
        if (length == 0)
        {
            return;
        }

        if (apostrophe > 0 && length == apostrophe + 1 && word[apostrophe] == 's')
        {
            length = apostrophe;
        }

        // "May" is a month only when it is written like one and does not merely open the text; "may" is an auxiliary.
        var isMonth = length == 3 && start > 0 && text[start] == 'M' && word[..3].SequenceEqual("may") && text[start + 1] == 'a';
        tokens.Add(isMonth ? MonthOfMay : Reduce(word[..Math.Min(length, MaxWordLength)]), start, end);
        length = 0;
        apostrophe = 0;
    }

    private static char FoldWide(ReadOnlySpan<char> text, ref int i, ref int unspaced)
    {
        var c = text[i];
        if (char.IsHighSurrogate(c) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
        {
            unspaced = char.ConvertToUtf32(c, text[++i]);
            return CharacterFolding.IsUnspaced(unspaced) ? Unspaced : CharacterFolding.FoldFancy(unspaced);
        }

        var folded = CharacterFolding.Fold(c);
        if (folded >= '\u0e00' && CharacterFolding.IsUnspaced(folded))
        {
            unspaced = folded;
            return Unspaced;
        }

        return folded;
    }

    /// <summary>Adds the bigram that ends here. The answer carries the last character (low bits) and whether the run has a bigram already.</summary>
    private static int AddUnspaced(int character, int run, int at, TokenBuffer tokens)
    {
        // Characters are found by questions of one character only; everything else goes by the bigrams.
        tokens.Add(TermHash.AsCharacter(Single(character)), at, at + 1);
        if (run == 0)
        {
            return character << 1;
        }

        var pair = TermHash.Step(TermHash.Step(TermHash.Seed, (uint)run >> 1), (uint)character);
        tokens.Add(TermHash.Content(pair), at - 1, at + 1);
        return (character << 1) | 1;
    }

    private static ulong Single(int character) => TermHash.Content(TermHash.Step(TermHash.Seed, (uint)character));

    private static int EndUnspaced(int run, int at, TokenBuffer tokens)
    {
        if (run != 0 && (run & 1) == 0)
        {
            tokens.Add(Single(run >> 1), at - 1, at);
        }

        return 0;
    }
}
