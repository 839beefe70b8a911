using System.Runtime.InteropServices;
using Memoir.Server.Recall.Text;

namespace Memoir.Server.Recall;

/// <summary>Turns a memory into terms. Pure, so that it runs on the request's own thread before any lock is taken.</summary>
internal static class Analyzer
{
    private const int PassageWords = 60;
    private const int MaxCount = 63;
    private const int MaxFilterTerms = 4096;

    [ThreadStatic]
    private static Workspace? _workspace;

    public static AnalysedMemory Analyse(IndexedMemory memory)
    {
        if (memory.Hidden)
        {
            return Hidden(memory);
        }

        var work = _workspace ??= new Workspace();
        work.Clear();
        Tokenizer.Read(memory.Content, work.Content);
        if (memory.Name is not null)
        {
            Tokenizer.Read(memory.Name, work.Name);
        }

        if (memory.Metadata is { } metadata)
        {
            MetadataTerms.Read(metadata, work.Filters);
        }

        var content = work.Content.Terms;
        var words = Words(content);
        var passages = words <= PassageWords * 3 / 2 ? 1 : (words + PassageWords - 1) / PassageWords;
        var ends = new int[passages];
        var lengths = new byte[passages];
        var from = 0;
        for (var i = 0; i < passages; i++)
        {
            var share = (int)(((long)words * (i + 1) / passages) - ((long)words * i / passages));
            var to = i == passages - 1 ? content.Length : from + After(share, content[from..]);
            lengths[i] = AddPassage(work, content[from..to], memory.OccurredAt, i == 0);
            ends[i] = work.Terms.Count;
            from = to;
        }

        return new AnalysedMemory
        {
            Sequence = memory.Sequence,
            ConversationId = string.IsNullOrEmpty(memory.ConversationId) ? null : memory.ConversationId,
            UserId = memory.UserId,
            Type = memory.Type,
            Role = memory.Role,
            TellsTime = TellsTime(work.Content.Terms),
            Archived = memory.Archived,
            Asks = memory.Content.AsSpan().TrimEnd() is [.., '?' or '\uff1f' or '\u061f'],
            OccurredAtMicros = Micros(memory.OccurredAt),
            ExpiresAtMicros = memory.ExpiresAt is { } expiry ? Micros(expiry) : long.MaxValue,
            KnownFromMicros = Micros(memory.KnownFrom ?? memory.OccurredAt),
            KnownUntilMicros = memory.KnownUntil is { } known ? Micros(known) : long.MaxValue,
            ValidFromMicros = memory.ValidFrom is { } validFrom ? Micros(validFrom) : long.MinValue,
            ValidUntilMicros = memory.ValidUntil is { } validUntil ? Micros(validUntil) : long.MaxValue,
            Importance = memory.Importance,
            ImportanceOverride = memory.ImportanceOverride ?? float.NaN,
            Terms = [.. work.Terms],
            Counts = [.. work.Counts],
            PassageEnds = ends,
            PassageLengths = lengths,
        };
    }

    /// <summary>Its place alone: what is not recalled weighs nothing in what is.</summary>
    private static AnalysedMemory Hidden(IndexedMemory memory) => new()
    {
        Sequence = memory.Sequence,
        ConversationId = null,
        Role = memory.Role,
        Archived = memory.Archived,
        Hidden = true,
        OccurredAtMicros = Micros(memory.OccurredAt),
        ExpiresAtMicros = memory.ExpiresAt is { } expiry ? Micros(expiry) : long.MaxValue,
        Importance = memory.Importance,
        Terms = [],
        Counts = [],
        PassageEnds = [],
        PassageLengths = [],
    };

    /// <summary>A moment in whole microseconds since 1970, as both database engines keep it.</summary>
    public static long Micros(DateTimeOffset moment) => (moment.UtcTicks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond;

    /// <summary>Characters that only accompany their bigrams are not words.</summary>
    private static int Words(ReadOnlySpan<ulong> terms)
    {
        var words = 0;
        foreach (var term in terms)
        {
            words += TermHash.IsLabel(term) ? 0 : 1;
        }

        return words;
    }

    /// <summary>The place after so many words.</summary>
    private static int After(int words, ReadOnlySpan<ulong> terms)
    {
        var at = 0;
        for (; words > 0; at++)
        {
            words -= TermHash.IsLabel(terms[at]) ? 0 : 1;
        }

        return at;
    }

    private static bool TellsTime(ReadOnlySpan<ulong> words)
    {
        foreach (var word in words)
        {
            if (CalendarTerms.TellsTime(word))
            {
                return true;
            }
        }

        return false;
    }

    private static byte AddPassage(Workspace work, ReadOnlySpan<ulong> words, DateTimeOffset occurredAt, bool first)
    {
        var sorted = work.Sorting;
        sorted.Clear();
        var length = 0;
        foreach (var word in words)
        {
            sorted.Add(word);
            length += TermHash.IsContent(word) ? 1 : 0;
        }

        foreach (var name in work.Name.Terms)
        {
            if (TermHash.IsContent(name))
            {
                sorted.Add(TermHash.AsSpeaker(name));
            }
        }

        var (day, month, year, weekday) = CalendarTerms.Of(occurredAt);
        sorted.AddRange([day, month, year, weekday]);
        if (first)
        {
            sorted.AddRange(CollectionsMarshal.AsSpan(work.Filters)[..Math.Min(work.Filters.Count, MaxFilterTerms)]);
        }

        var terms = CollectionsMarshal.AsSpan(sorted);
        terms.Sort();
        for (var i = 0; i < terms.Length;)
        {
            var next = i + 1;
            while (next < terms.Length && terms[next] == terms[i])
            {
                next++;
            }

            work.Terms.Add(terms[i]);
            work.Counts.Add((byte)Math.Min(next - i, MaxCount));
            i = next;
        }

        return (byte)Math.Min(length, byte.MaxValue);
    }

    /// <summary>The lists one thread reuses from memory to memory.</summary>
    private sealed class Workspace
    {
        public TokenBuffer Content { get; } = new();

        public TokenBuffer Name { get; } = new();

        public List<ulong> Filters { get; } = [];

        public List<ulong> Sorting { get; } = new(256);

        public List<ulong> Terms { get; } = new(256);

        public List<byte> Counts { get; } = new(256);

        public void Clear()
        {
            Content.Clear();
            Name.Clear();
            Filters.Clear();
            Terms.Clear();
            Counts.Clear();
        }
    }
}
