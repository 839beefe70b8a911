using Memoir.Server.Recall.Index;
using Memoir.Server.Recall.Search;
using Memoir.Server.Recall.Text;

namespace Memoir.Server.Recall.Ranking;

/// <summary>A scope resolved against one index: a test per ordinal and, when the scope names something, the short list to look at.</summary>
internal sealed class ScopeFilter
{
    private const int Anyone = -2;
    private const int Nobody = -3;

    private readonly MemoryColumns _columns;
    private readonly int _memories;
    private readonly int _user = Anyone;
    private readonly int _shared = Nobody;
    private readonly int _conversation = Anyone;
    private readonly long _since = long.MinValue;
    private readonly long _until = long.MaxValue;
    private readonly long _now;
    private readonly long _asOf;
    private readonly long _knownAt;
    private readonly bool _isThen;
    private readonly bool _isNarrow;
    private readonly byte _refused;
    private readonly uint[]? _filtered;

    public ScopeFilter(IndexView view, RecallScope scope)
    {
        _columns = view.Columns;
        _memories = view.Memories;
        _now = Analyzer.Micros(scope.Now);
        _isThen = scope.Moment is not null;
        _asOf = scope.Moment is { } then ? Analyzer.Micros(then.AsOf) : _now;
        _knownAt = scope.Moment is { } known ? Analyzer.Micros(known.KnownAt) : _now;
        _refused = (byte)(MemoryColumns.Dead | MemoryColumns.Hidden | (scope.IncludeArchived ? 0 : MemoryColumns.Archived));
        _since = scope.Since is { } since ? Analyzer.Micros(since) : long.MinValue;
        _until = scope.Until is { } until ? CeilingMicros(until) : long.MaxValue;
        if (scope.UserId is { } user)
        {
            var group = view.Users.Find(user);
            _user = group?.Number ?? Nobody;
            var shared = scope.IncludeShared ? view.Users.Find(IndexedMemory.Everybody) : null;
            _shared = shared?.Number ?? Nobody;
            Narrow(shared is null ? Members(group) : Union(Members(group), Members(shared)));
        }

        if (scope.ConversationId is { } conversation)
        {
            var group = view.Conversations.Find(conversation);
            _conversation = group?.Number ?? Nobody;
            Narrow(Members(group));
        }

        if (scope.Filter is { } filter && Matching(view, filter) is { } matching)
        {
            _filtered = matching;
            Narrow(matching);
        }

        _isNarrow = scope.Since is not null || scope.Until is not null || _isThen || _user != Anyone || _conversation != Anyone || _filtered is not null;
    }

    /// <summary>Ordinals outside of which nothing is allowed; null when the scope names no list.</summary>
    public ReadOnlyMemory<uint>? Listed { get; private set; }

    public bool Allows(int ordinal) =>
        (uint)ordinal < (uint)_memories
        && (_columns.State[ordinal] & _refused) == 0
        && (!_isNarrow || IsWithin(ordinal))
        && ((_columns.State[ordinal] & MemoryColumns.Timed) == 0 || IsTrue(ordinal, _columns.Periods!))
        && ((_columns.State[ordinal] & MemoryColumns.Expires) == 0 || _columns.ExpiresAt[ordinal] > _now);

    /// <summary>One bit per ordinal that is in scope and selected.</summary>
    public ulong[] ToBitset(Selection selection)
    {
        var bits = new ulong[(_memories + 63) / 64];
        if (Listed is { } listed)
        {
            foreach (var ordinal in listed.Span)
            {
                Mark(bits, (int)ordinal, selection);
            }
        }
        else
        {
            for (var ordinal = 0; ordinal < _memories; ordinal++)
            {
                Mark(bits, ordinal, selection);
            }
        }

        return bits;
    }

    private bool IsWithin(int ordinal) =>
        _columns.OccurredAt[ordinal] >= _since
        && _columns.OccurredAt[ordinal] < _until
        && (!_isThen || WasSaid(ordinal))
        && (_user == Anyone || _columns.User[ordinal] == _user || _columns.User[ordinal] == _shared)
        && (_conversation == Anyone || _columns.Conversation[ordinal] == _conversation)
        && (_filtered is null || Array.BinarySearch(_filtered, (uint)ordinal) >= 0);

    /// <summary>What is asked without a moment is what is true now: one that is not known so any more ends before that.</summary>
    private bool IsTrue(int ordinal, PeriodColumns periods) =>
        periods.ValidFrom[ordinal] <= _asOf && _asOf < periods.ValidUntil[ordinal]
        && (_isThen ? _knownAt < periods.KnownUntil[ordinal] : periods.KnownUntil[ordinal] == long.MaxValue);

    /// <summary>What has no beginning of its own is true since it was said.</summary>
    private bool WasSaid(int ordinal) =>
        _columns.KnownFrom[ordinal] <= _knownAt
        && (_columns.OccurredAt[ordinal] <= _asOf
            || ((_columns.State[ordinal] & MemoryColumns.Timed) != 0 && _columns.Periods!.ValidFrom[ordinal] != long.MinValue));

    private void Mark(ulong[] bits, int ordinal, Selection selection)
    {
        if (Allows(ordinal) && selection.Allows(ordinal))
        {
            bits[ordinal >> 6] |= 1UL << (ordinal & 63);
        }
    }

    private void Narrow(ReadOnlyMemory<uint>? list)
    {
        if (list is { } shorter && (Listed is not { } known || shorter.Length < known.Length))
        {
            Listed = list;
        }
    }

    /// <summary>A moment between two microseconds excludes only what is later than it.</summary>
    private static long CeilingMicros(DateTimeOffset moment) => Analyzer.Micros(moment.AddTicks(9));

    private static ReadOnlyMemory<uint> Members(MemoryGroup? group) => group?.Members.Published ?? ReadOnlyMemory<uint>.Empty;

    /// <summary>No ordinal is in both: a memory is one user's, or everybody's.</summary>
    private static ReadOnlyMemory<uint>? Union(ReadOnlyMemory<uint> some, ReadOnlyMemory<uint> others)
    {
        uint[] both = [.. some.Span, .. others.Span];
        Array.Sort(both);
        return both;
    }

    /// <summary>The ordinals that carry every leaf of a metadata filter, ascending; null when the filter has no leaf.</summary>
    private static uint[]? Matching(IndexView view, System.Text.Json.JsonElement filter)
    {
        var terms = new List<ulong>();
        MetadataTerms.Read(filter, terms);
        if (terms.Count == 0)
        {
            return null;
        }

        var numbers = terms.Distinct().Select(term => view.Find(term)).ToArray();
        if (numbers.Contains(-1))
        {
            return [];
        }

        List<uint>? matching = null;
        foreach (var number in numbers.OrderBy(number => view.Postings[number].Items.Length))
        {
            matching = Intersect(view, view.PostingsOf(number), matching);
        }

        return [.. matching!];
    }

    private static List<uint> Intersect(IndexView view, ReadOnlySpan<uint> postings, List<uint>? with)
    {
        var both = new List<uint>();
        var at = 0;
        foreach (var posting in postings)
        {
            var ordinal = (uint)view.UnitColumns.Memory[posting >> PostingList.CountBits];
            while (with is not null && at < with.Count && with[at] < ordinal)
            {
                at++;
            }

            if (with is null || (at < with.Count && with[at] == ordinal))
            {
                both.Add(ordinal);
            }
        }

        return both;
    }
}
