using System.Globalization;
using Memoir.Kit.Data;
using Memoir.Kit.Security;

namespace Memoir.Kit.Limits.Shared;

/// <summary>
/// What this process holds of one bucket: permits in advance, whether there are none, and who waits to know. Times are this
/// process's own even ones, in microseconds. Every member but the key is for who holds the lock.
/// </summary>
internal sealed class BucketLease(RateBucket bucket)
{
    /// <summary>Others may give permits back before the time that was told; asking so often finds them.</summary>
    private const long AskAgain = 1_000_000;

    private readonly RateLimit _limit = bucket.Limit;
    private readonly List<Grant> _live = [];
    private readonly PermitWindow _own = new(bucket.Limit);
    private List<SettledPermits> _settled = [];
    private PermitWindow _owed = new(bucket.Limit);
    private PermitWindow? _told;
    private TaskCompletionSource _next = NewAnswer();
    private TaskCompletionSource? _asked;
    private int _waiting;
    private bool _wantsMore;
    private PermitAnswer? _last;
    private long _offset;
    private long _freeAt;
    private long _askAgainAt;

    /// <summary>Names the row without naming the caller.</summary>
    public string Key { get; } = Convert.ToHexStringLower(
        Secrets.Hash(string.Create(CultureInfo.InvariantCulture, $"{bucket.Name} per {bucket.Limit.Seconds}")).AsSpan(0, 16));

    /// <summary>It is in the table no more; who still has it must look again.</summary>
    public bool IsDropped { get; private set; }

    /// <summary>Whether a question about it is to be sent.</summary>
    public bool IsQueued { get; set; }

    /// <summary>Whether there is something to tell the database without being asked.</summary>
    public bool HasNews => _settled.Count > 0 || _owed.Total > 0;

    /// <summary>Whether few permits are left, or for a short time: the next ones should be on their way before anybody waits for them.</summary>
    public bool WantsMore(long now) =>
        _wantsMore = _asked is null && _last is { Free: > 0 } && now >= _askAgainAt
            && (_live.Sum(grant => grant.Left) <= _live.Sum(grant => grant.Count) / 3 || _live.TrueForAll(grant => grant.IsNearlyOver(now)));

    /// <returns>Where the caller stands, or null when the database has to be asked.</returns>
    public Standing? Take(long now)
    {
        Retire(now);
        if (_live is [var grant, ..])
        {
            grant.Use(now, _limit);
            _own.Expire(now);
            _own.Add(_own.SlotOf(now), 1);
            var left = _live.Sum(held => held.Left) + _last!.Free;
            Retire(now);
            return new Standing(true, _limit, left, ResetAfterUse(now), TimeSpan.Zero);
        }

        return now < _askAgainAt
            ? new Standing(false, _limit, 0, Instants.FromMicroseconds(_last!.Reset), LimitClock.Span(Math.Max(1, _freeAt - now)))
            : null;
    }

    /// <summary>Decides without the database: this process then admits half of the limit by itself.</summary>
    public Standing TakeAlone(long now, DateTimeOffset clock)
    {
        var half = _limit with { Permits = Math.Max(1, _limit.Permits / 2) };
        _own.Expire(now);
        var isGranted = _own.Total < half.Permits;
        if (isGranted)
        {
            _own.Add(_own.SlotOf(now), 1);
            _owed.Add(_owed.SlotOf(now), 1);
        }

        var wait = isGranted ? TimeSpan.Zero : LimitClock.Span(PermitWindow.Parse(_own.ToString(), half).NextFree(now) - now);
        return new Standing(isGranted, _limit, Math.Max(0, half.Permits - _own.Total), clock + LimitClock.Span(_own.Reset(now) - now), wait);
    }

    /// <summary>Ends when the next question was answered, or could not be.</summary>
    public Task WaitAsync()
    {
        _waiting++;
        return _next.Task;
    }

    /// <summary>The question to send now; whoever comes later waits for the next one.</summary>
    public PermitQuestion Ask(long now)
    {
        IsQueued = false;
        Retire(now);
        _owed.Expire(now);
        var question = new PermitQuestion(Key, _limit, _waiting, _waiting > 0 || _wantsMore, _settled, [.. _owed.Ages(now)]);
        (_settled, _told, _owed, _waiting, _wantsMore) = ([], _owed, new PermitWindow(_limit), 0, false);
        (_asked, _next) = (_next, NewAnswer());
        return question;
    }

    public void Hear(PermitAnswer answer, long sent, long heard)
    {
        _last = answer;
        _offset = answer.Now - sent; // The database's time is at most this far ahead: it answered after it was asked.
        (_freeAt, _askAgainAt) = (0, 0);
        if (answer.Granted > 0)
        {
            _live.Add(new Grant(answer, sent, _limit));
        }

        if (answer.Free == 0)
        {
            _freeAt = heard + answer.FreeAt - answer.Now;
            _askAgainAt = Math.Min(_freeAt, heard + AskAgain);
        }

        Answered();
    }

    /// <summary>Nobody knows whether the question arrived. What it settled stays counted at its latest, and what was owed is told again: never too little.</summary>
    public void Fail()
    {
        _owed.Add(_told!);
        Answered();
    }

    /// <summary>Holds nothing any more; what was not used is to be given back.</summary>
    public void GiveUp(long now)
    {
        _live.ForEach(grant => grant.End());
        Retire(now);
    }

    /// <summary>True when nothing is held that must be remembered; it is then not to be used again.</summary>
    public bool TryDrop(long now)
    {
        Retire(now);
        _own.Expire(now);
        return IsDropped = !IsQueued && _asked is null && _waiting == 0 && _live.Count == 0 && !HasNews && _own.Total == 0 && now >= _askAgainAt;
    }

    private void Answered()
    {
        _asked?.SetResult();
        _asked = null;
    }

    private void Retire(long now)
    {
        for (var i = _live.Count - 1; i >= 0; i--)
        {
            if (_live[i].IsOver(now))
            {
                _settled.Add(_live[i].Settle());
                _live.RemoveAt(i);
            }
        }
    }

    private DateTimeOffset ResetAfterUse(long now) => Instants.FromMicroseconds(
        Math.Max(_last!.Reset, ((_own.SlotOf(now + _offset) + 1) * _limit.SlotMicroseconds) + _limit.WindowMicroseconds));

    private static TaskCompletionSource NewAnswer() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The permits of one answer.</summary>
    private sealed class Grant(PermitAnswer answer, long sent, RateLimit limit)
    {
        private readonly PermitWindow _used = new(limit);
        private long _until = sent + PermitLedger.Validity(limit);

        public int Count => answer.Granted;

        public int Left { get; private set; } = answer.Granted;

        public bool IsOver(long now) => Left == 0 || now >= _until;

        public bool IsNearlyOver(long now) => now >= _until - (PermitLedger.Validity(limit) / 3);

        public void End() => _until = 0;

        /// <summary>Counted at the latest time it can be by the database's clock.</summary>
        public void Use(long now, RateLimit of)
        {
            Left--;
            _used.Add((now + answer.Now - sent) / of.SlotMicroseconds, 1);
        }

        public SettledPermits Settle() => new(answer.Slot, answer.Granted, _used);
    }
}
