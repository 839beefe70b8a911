using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Kit.Limits;
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
}
