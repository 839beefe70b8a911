using System.Runtime.CompilerServices;

namespace Memoir.Server.Recall.Text;

/// <summary>The 64-bit name of a term: stable across processes, its two top bits telling content words, labels, stop words and filters apart.</summary>
internal static class TermHash
{
    public const ulong Seed = 0xcbf29ce484222325;
    private const ulong Prime = 0x9e3779b97f4a7c15;
    private const ulong KindMask = 3UL << 62;
    private const ulong LabelKind = 1UL << 62;
    private const ulong StopKind = 2UL << 62;
    private const ulong FilterKind = 3UL << 62;

    /// <summary>One step over a character; start with <see cref="Seed"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Step(ulong state, uint c)
    {
        var high = Math.BigMul(state ^ c, Prime, out var low);
        return high ^ low;
    }

    public static ulong Of(ReadOnlySpan<char> text, ulong seed = Seed)
    {
        foreach (var c in text)
        {
            seed = Step(seed, c);
        }

        return Step(seed, (uint)text.Length + 0x10000);
    }

    public static ulong Content(ulong hash) => (hash & ~KindMask) | 1;

    public static ulong Stop(ulong hash) => (hash & ~KindMask) | StopKind;

    public static ulong Filter(ulong hash) => (hash & ~KindMask) | FilterKind;

    public static bool IsContent(ulong term) => (term & KindMask) == 0;

    /// <summary>The term under which a word counts when it is the speaker's name rather than part of what was said.</summary>
    public static ulong AsSpeaker(ulong term) => Label(Step(term & ~KindMask, 0x20001));

    /// <summary>The term under which a word counts when it is part of the memory's date.</summary>
    public static ulong AsDate(ulong term) => Label(Step(term & ~KindMask, 0x20002));

    /// <summary>The term under which a character of a script without spaces counts, alone or within a longer run.</summary>
    public static ulong AsCharacter(ulong term) => Label(Step(term & ~KindMask, 0x20003));

    public static bool IsLabel(ulong term) => (term & KindMask) == LabelKind;

    private static ulong Label(ulong hash) => (hash & ~KindMask) | LabelKind;
}
