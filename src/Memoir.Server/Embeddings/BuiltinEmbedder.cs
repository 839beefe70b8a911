using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Memoir.Server.Embeddings;

/// <summary>
/// Vectors without a model, a download or a network: hashed words and character n-grams.
/// They find the same words, their inflections and their misspellings; they know no meaning.
/// </summary>
internal sealed class BuiltinEmbedder : IEmbedder
{
    public const int Dimensions = 256;

    private const int MaxTerms = 4096;
    private const int MaxLettersPerTerm = 32;
    private const int ShortText = 256;
    private const int TermsOfShortText = 2 * ShortText;

    // Any change below changes every vector: raise the number, which makes a new generation.
    public const string Model = "ngram-1";

    private const ulong Factor = 0x9E3779B97F4A7C15;
    private const ulong WordSeed = 0xCBF29CE484222325;
    private const ulong NgramSeed = 0x84222325CBF29CE4;
    private const ulong SymbolSeed = 0xA0761D6478BD642F;
    private const ulong PairSeed = 0xE7037ED1A0B428DB;
    private const char WordStart = '\u0001';
    private const char WordEnd = '\u0002';

    // 16 × (1 + ln count). Integers, so that every machine sums to the same vector to the last bit.
    private static readonly int[] CountWeights = [0, 16, 27, 34, 38, 42, 45, 47, 49, 51, 53, 54, 56, 57, 58, 59, 60];

    // 256 / √n: all n-grams of a word weigh together what the word itself weighs.
    private static readonly int[] NgramWeights = [.. Enumerable.Range(0, 128).Select(n => n == 0 ? 0 : (int)Math.Round(256 / Math.Sqrt(n)))];

    private static readonly ulong[] StopWords = StopTable(
        "a an the and or but if then of at by for with about to from in on off out over under into as is am are was were be been "
        + "being do does did done have has had having can could will would shall should may might must not no nor so than too very "
        + "just i me my mine we us our you your he him his she her it its they them their this that these those there here what "
        + "which who whom whose when where why how all any both each some such only own same s t d ll m re ve don isn up down "
        + "der die das und oder ist ein eine zu den von mit el la los las un una de del que en y es le les des et est un une du");

    public EmbeddingGeneration Generation { get; } = new(ProviderNames.Builtin, Model, Dimensions);

    public bool IsLocal => true;

    public int BatchSize => int.MaxValue;

    public Task<IReadOnlyList<float[]>> EmbedAsync(IReadOnlyList<string> texts, EmbeddingPurpose purpose, CancellationToken ct)
    {
        var vectors = new float[texts.Count][];
        for (var i = 0; i < vectors.Length; i++)
        {
            ct.ThrowIfCancellationRequested();
            vectors[i] = new float[Dimensions];
            Embed(texts[i], vectors[i]);
        }

        return Task.FromResult<IReadOnlyList<float[]>>(vectors);
    }

    /// <summary>Fills <paramref name="vector"/>; false, and all zero, when the text has neither letter, digit nor symbol.</summary>
    [SkipLocalsInit]
    public bool Embed(ReadOnlySpan<char> text, Span<float> vector)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(vector.Length, Dimensions);
        if (text.Length <= ShortText)
        {
            return Embed(
                text,
                vector,
                stackalloc Term[TermsOfShortText],
                stackalloc ushort[2 * TermsOfShortText],
                stackalloc char[(3 * ShortText) + MaxLettersPerTerm + 2]);
        }

        var terms = ArrayPool<Term>.Shared.Rent(MaxTerms);
        var slots = ArrayPool<ushort>.Shared.Rent(2 * MaxTerms);
        var letters = ArrayPool<char>.Shared.Rent((MaxTerms + 1) * (MaxLettersPerTerm + 2));
        try
        {
            return Embed(text, vector, terms.AsSpan(0, MaxTerms), slots.AsSpan(0, 2 * MaxTerms), letters);
        }
        finally
        {
            // Cleared where texts would otherwise linger in memory that others borrow.
            letters.AsSpan().Clear();
            ArrayPool<char>.Shared.Return(letters);
            ArrayPool<ushort>.Shared.Return(slots);
            ArrayPool<Term>.Shared.Return(terms);
        }
    }

    [SkipLocalsInit]
    private static bool Embed(ReadOnlySpan<char> text, Span<float> vector, Span<Term> terms, Span<ushort> slots, Span<char> letters)
    {
        slots.Clear();
        var vocabulary = new Vocabulary(terms, slots, letters);
        Split(text, ref vocabulary);

        Span<int> sums = stackalloc int[Dimensions];
        sums.Clear();
        foreach (ref readonly var term in vocabulary.Terms)
        {
            Add(term, letters, sums);
        }

        return Normalize(sums, vector);
    }

    private static void Split(ReadOnlySpan<char> text, ref Vocabulary vocabulary)
    {
        var previous = 0;
        for (var i = 0; i < text.Length; i++)
        {
            int symbol = LetterFolding.Fold(text[i]);
            if (symbol == LetterFolding.Nothing)
            {
                continue;
            }

            if (char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
            {
                symbol = char.ConvertToUtf32(text[i], text[++i]);
            }
            else if (!LetterFolding.IsUnspaced((char)symbol))
            {
                previous = 0;
                if (symbol == LetterFolding.Separator)
                {
                    vocabulary.EndWord();
                }
                else
                {
                    vocabulary.Letter((char)symbol);
                }

                continue;
            }

            vocabulary.EndWord();
            vocabulary.Symbol(Mix(SymbolSeed, symbol));
            if (previous != 0)
            {
                vocabulary.Symbol(Mix(Mix(PairSeed, previous), symbol));
            }

            previous = symbol;
        }

        vocabulary.EndWord();
    }

    private static void Add(in Term term, ReadOnlySpan<char> letters, Span<int> sums)
    {
        var weight = CountWeights[Math.Min((int)term.Count, CountWeights.Length - 1)];
        if (term.Length == 0)
        {
            Add(term.Hash, 64 * weight, sums);
            return;
        }

        if (IsStopWord(term.Hash))
        {
            Add(term.Hash, 16 * weight, sums);
            return;
        }

        Add(term.Hash, 64 * weight, sums);
        var word = letters.Slice(term.Start, term.Length);
        var ngrams = Math.Max(word.Length - 2, 0) + Math.Max(word.Length - 3, 0) + Math.Max(word.Length - 4, 0);
        var ngramWeight = (64 * weight * NgramWeights[ngrams]) >> 8;
        for (var i = 0; i + 2 < word.Length; i++)
        {
            var hash = Mix(Mix(Mix(NgramSeed, word[i]), word[i + 1]), word[i + 2]);
            Add(hash, ngramWeight, sums);
            if (i + 3 < word.Length)
            {
                hash = Mix(hash, word[i + 3]);
                Add(hash, ngramWeight, sums);
            }

            if (i + 4 < word.Length)
            {
                hash = Mix(hash, word[i + 4]);
                Add(hash, ngramWeight, sums);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Mix(ulong hash, int symbol)
    {
        hash = (hash ^ (uint)symbol) * Factor;
        return hash ^ (hash >> 29);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(ulong hash, int weight, Span<int> sums)
    {
        hash *= Factor;
        var sign = -(int)((hash >> 55) & 1);
        sums[(byte)(hash >> 56)] += (weight ^ sign) - sign;
    }

    private static bool Normalize(ReadOnlySpan<int> sums, Span<float> vector)
    {
        var squares = 0L;
        foreach (var sum in sums)
        {
            squares += (long)sum * sum;
        }

        if (squares == 0)
        {
            vector.Clear();
            return false;
        }

        var scale = Vector256.Create((float)(1 / Math.Sqrt(squares)));
        ref var from = ref MemoryMarshal.GetReference(sums);
        ref var to = ref MemoryMarshal.GetReference(vector);
        for (nuint i = 0; i < Dimensions; i += (nuint)Vector256<float>.Count)
        {
            (Vector256.ConvertToSingle(Vector256.LoadUnsafe(ref from, i)) * scale).StoreUnsafe(ref to, i);
        }

        return true;
    }

    private static bool IsStopWord(ulong hash)
    {
        for (var slot = hash >> 54; ; slot++)
        {
            var known = StopWords[slot % (ulong)StopWords.Length];
            if (known == hash || known == 0)
            {
                return known != 0;
            }
        }
    }

    private static ulong[] StopTable(string words)
    {
        var table = new ulong[1024];
        foreach (var word in words.Split(' '))
        {
            var hash = word.Aggregate(WordSeed, (sum, letter) => Mix(sum, letter));
            var slot = hash >> 54;
            while (table[slot % 1024] != 0)
            {
                slot++;
            }

            table[slot % 1024] = hash;
        }

        return table;
    }

    /// <summary>A distinct word (with its letters, for n-grams) or symbol of a text, and how often it occurs.</summary>
    private record struct Term(ulong Hash, int Start, ushort Length, ushort Count);

    /// <summary>Collects the distinct terms of a text in borrowed memory; what exceeds it is left out.</summary>
    private ref struct Vocabulary(Span<Term> terms, Span<ushort> slots, Span<char> letters)
    {
        private readonly Span<Term> _terms = terms;
        private readonly Span<ushort> _slots = slots;
        private readonly Span<char> _letters = letters;
        private ulong _hash = WordSeed;
        private int _count;
        private int _start;
        private int _length;

        public readonly ReadOnlySpan<Term> Terms => _terms[.._count];

        public void Letter(char letter)
        {
            _hash = Mix(_hash, letter);
            if (_length < MaxLettersPerTerm)
            {
                _letters[_start + ++_length] = letter;
            }
        }

        public void EndWord()
        {
            if (_length == 0)
            {
                return;
            }

            _letters[_start] = WordStart;
            _letters[_start + _length + 1] = WordEnd;
            if (Note(_hash, _length + 2))
            {
                _start += _length + 2;
            }

            _length = 0;
            _hash = WordSeed;
        }

        public void Symbol(ulong hash) => Note(hash, 0);

        private bool Note(ulong hash, int length)
        {
            for (var slot = (int)(hash >> 40); ; slot++)
            {
                ref var place = ref _slots[slot & (_slots.Length - 1)];
                if (place == 0)
                {
                    if (_count == _terms.Length)
                    {
                        return false;
                    }

                    _terms[_count] = new Term(hash, _start, (ushort)length, 1);
                    place = (ushort)++_count;
                    return true;
                }

                ref var known = ref _terms[place - 1];
                if (known.Hash == hash)
                {
                    known.Count = (ushort)Math.Min(known.Count + 1, ushort.MaxValue);
                    return false;
                }
            }
        }
    }
}
