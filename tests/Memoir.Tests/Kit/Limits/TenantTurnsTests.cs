using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Kit.Limits;
using Memoir.Tests.Testing;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Kit.Limits;

public sealed class TenantTurnsTests
{
    private static readonly Tenant Flood = new("flood");
    private static readonly Tenant Other = new("other");
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(5);

    [Fact]
    public async Task Another_tenants_turn_is_the_next_but_one_however_many_wait_for_the_first()
    {
        var turns = new TenantTurns(1, Long);
        await turns.EnterAsync(Flood, Ct);
        Task[] waiting = [.. Enumerable.Range(0, 300).Select(_ => turns.EnterAsync(Flood, Ct))];
        var other = turns.EnterAsync(Other, Ct);

        turns.Leave();
        await waiting[0];
        Assert.False(other.IsCompleted);
        turns.Leave();
        await other;

        Assert.Equal(1, waiting.Count(task => task.IsCompleted));
    }

    [Fact]
    public async Task A_lone_tenant_gets_all_places_in_the_order_in_which_it_came()
    {
        var turns = new TenantTurns(2, Long);
        await turns.EnterAsync(Flood, Ct);
        await turns.EnterAsync(Flood, Ct);
        var (third, fourth) = (turns.EnterAsync(Flood, Ct), turns.EnterAsync(Flood, Ct));

        Assert.False(third.IsCompleted);
        turns.Leave();
        await third;
        Assert.False(fourth.IsCompleted);
        turns.Leave();
        await fourth;
    }

    [Fact]
    public async Task A_tenant_that_fills_its_part_of_the_queue_is_told_so_at_once_and_others_are_not()
    {
        var turns = new TenantTurns(1, Long);
        await turns.EnterAsync(Flood, Ct);
        var refused = 0;
        for (var i = 0; i < 2000; i++)
        {
            try
            {
                _ = turns.EnterAsync(Flood, Ct);
            }
            catch (ProblemException refusal) when (refusal.Problem is Problem.Overloaded)
            {
                refused++;
            }
        }

        _ = turns.EnterAsync(Other, Ct);

        Assert.Equal(2000 - 512, refused);
    }

    [Fact]
    public async Task Who_waits_too_long_is_told_so_and_takes_nobodys_place()
    {
        var turns = new TenantTurns(1, TimeSpan.FromMilliseconds(20));
        await turns.EnterAsync(Flood, Ct);

        var refused = await Assert.ThrowsAsync<ProblemException>(() => turns.EnterAsync(Other, Ct));
        turns.Leave();

        Assert.Equal(Problem.Overloaded, refused.Problem);
        Assert.True(turns.EnterAsync(Flood, Ct).IsCompletedSuccessfully);
    }

    [Fact]
    public async Task Who_goes_away_takes_nobodys_place()
    {
        var turns = new TenantTurns(1, Long);
        await turns.EnterAsync(Flood, Ct);
        using var gone = new CancellationTokenSource();
        var leaving = turns.EnterAsync(Flood, gone.Token);
        var staying = turns.EnterAsync(Flood, Ct);
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => leaving);

        turns.Leave();

        await staying;
    }

    [Fact]
    public async Task A_queue_at_which_a_crowd_has_stood_for_a_second_is_kept_short_and_another_tenants_is_not()
    {
        var time = new HeldTime();
        var turns = new TenantTurns(2, Long, time);
        await turns.EnterAsync(Flood, Ct);
        await turns.EnterAsync(Flood, Ct);
        Task[] burst = [.. Enumerable.Range(0, 300).Select(_ => turns.EnterAsync(Flood, Ct))];
        Assert.Null(await turns.ForeseeAsync(Flood, Ct));

        time.Advance(TimeSpan.FromSeconds(1.1));
        var refused = Assert.Throws<ProblemException>(() => { _ = turns.EnterAsync(Flood, Ct); });
        Assert.Equal(Problem.Overloaded, refused.Problem);
        var foreseen = turns.ForeseeAsync(Flood, Ct);
        time.Release();
        Assert.Equal(Problem.Overloaded, (await foreseen)?.Problem);
        Assert.Null(await turns.ForeseeAsync(Other, Ct));
        _ = turns.EnterAsync(Other, Ct);

        // As long as a crowd has come and has not been told, there is room for one to each place.
        Task[] told = [.. Enumerable.Range(0, 256).Select(_ => turns.ForeseeAsync(Flood, Ct).AsTask())];
        for (var i = 0; i < 299; i++)
        {
            turns.Leave();
        }

        await Task.WhenAll(burst[..298]);
        Assert.False(burst[298].IsCompleted);
        Assert.Throws<ProblemException>(() => { _ = turns.EnterAsync(Flood, Ct); });
        turns.Leave();
        _ = turns.EnterAsync(Flood, Ct);
        Assert.Throws<ProblemException>(() => { _ = turns.EnterAsync(Flood, Ct); });

        time.Release();
        await Task.WhenAll(told);
        _ = turns.EnterAsync(Flood, Ct);
    }

    [Fact]
    public async Task Callers_that_are_no_crowd_are_all_let_in_however_long_they_go_on()
    {
        var time = new ManualTime();
        var turns = new TenantTurns(2, Long, time);
        for (var i = 0; i < 2 + 255; i++)
        {
            _ = turns.EnterAsync(Flood, Ct);
        }

        time.Advance(TimeSpan.FromMinutes(1));

        Assert.Null(await turns.ForeseeAsync(Flood, Ct));
        _ = turns.EnterAsync(Flood, Ct);
        Assert.NotNull(await turns.ForeseeAsync(Flood, Ct));
    }

    [Fact]
    public async Task Who_goes_away_before_being_told_of_the_refusal_counts_no_longer()
    {
        var time = new ManualTime();
        var turns = new TenantTurns(1, Long, time);
        for (var i = 0; i < 1 + 256; i++)
        {
            _ = turns.EnterAsync(Flood, Ct);
        }

        time.Advance(TimeSpan.FromSeconds(1.1));
        using var gone = new CancellationTokenSource();
        Task[] leaving = [.. Enumerable.Range(0, 600).Select(_ => turns.ForeseeAsync(Flood, gone.Token).AsTask())];
        turns.Leave();
        var last = turns.ForeseeAsync(Flood, gone.Token).AsTask();
        Assert.False(last.IsCompleted); // Fewer wait than are a crowd, but with those who have not been told they are.

        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => last);
        await Task.WhenAny(Task.WhenAll(leaving)); // The first of them may have been told.

        Assert.Null(await turns.ForeseeAsync(Flood, Ct));
    }

    [Fact]
    public async Task Tenants_that_are_no_crowd_each_do_not_keep_others_out_together()
    {
        var time = new HeldTime();
        var turns = new TenantTurns(2, Long, time);
        Tenant[] tenants = [.. Enumerable.Range(0, 8).Select(i => new Tenant($"t{i}"))];
        for (var i = 0; i < 126; i++)
        {
            foreach (var tenant in tenants)
            {
                _ = turns.EnterAsync(tenant, Ct);
            }
        }

        time.Advance(TimeSpan.FromSeconds(1.1));
        var foreseen = turns.ForeseeAsync(tenants[0], Ct); // Together they are one.
        Assert.False(foreseen.IsCompleted);

        Assert.Null(await turns.ForeseeAsync(Other, Ct));
        var newcomer = turns.EnterAsync(Other, Ct);
        for (var i = 0; i < 8 + 1; i++)
        {
            turns.Leave();
        }

        await newcomer; // After one of each.
        time.Release();
        Assert.NotNull(await foreseen);
    }

    [Theory]
    [InlineData(50, true)]
    [InlineData(150, false)]
    public async Task A_queue_that_was_empty_for_a_moment_was_never_gone(int milliseconds, bool stands)
    {
        var time = new ManualTime();
        var turns = new TenantTurns(1, Long, time);
        await turns.EnterAsync(Flood, Ct);
        var first = turns.EnterAsync(Flood, Ct);
        time.Advance(TimeSpan.FromSeconds(1.1));
        turns.Leave();
        await first;

        time.Advance(TimeSpan.FromMilliseconds(milliseconds));
        for (var i = 0; i < 256; i++)
        {
            _ = turns.EnterAsync(Flood, Ct);
        }

        Assert.Equal(stands, await turns.ForeseeAsync(Flood, Ct) is not null);
    }

    /// <summary>A pause lasts until it is released.</summary>
    private sealed class HeldTime : TimeProvider
    {
        private readonly List<Action> _held = [];
        private TimeSpan _jumped;

        public override long GetTimestamp() => base.GetTimestamp() + (long)(_jumped.TotalSeconds * TimestampFrequency);

        public void Advance(TimeSpan by) => _jumped += by;

        public void Release()
        {
            _held.ForEach(run => run());
            _held.Clear();
        }

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            _held.Add(() => callback(state));
            return new Held();
        }

        private sealed class Held : ITimer
        {
            public bool Change(TimeSpan dueTime, TimeSpan period) => true;

            public void Dispose()
            {
            }

            public ValueTask DisposeAsync() => ValueTask.CompletedTask;
        }
    }
}
