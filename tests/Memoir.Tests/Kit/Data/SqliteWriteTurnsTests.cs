using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Tests.Testing;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Kit.Data;

/// <summary>Tenants before the one writer: they come by turns, and none fills the queue.</summary>
public sealed class SqliteWriteTurnsTests
{
    [Fact]
    public async Task A_tenants_write_comes_after_one_of_each_other_however_many_wait_for_them()
    {
        using var store = await TestDatabase.OpenAsync();
        using var gate = await store.HoldWriterAsync();
        List<string> order = [];
        Task Write(string tenant, int number) => store.Database.WriteAsync(new Tenant(tenant), _ =>
        {
            order.Add($"{tenant}{number}");
            return Task.CompletedTask;
        }, Ct);
        Task[] writes = [.. Enumerable.Range(0, 50).Select(i => Write("flood", i)), Write("other", 0), Write("third", 0), Write("other", 1)];

        await gate.OpenAsync();
        await Task.WhenAll(writes);

        Assert.Equal(["flood0", "other0", "third0", "flood1", "other1", "flood2", "flood3"], order.Take(7));
        Assert.Equal(Enumerable.Range(0, 50).Select(i => $"flood{i}"), order.Where(name => name.StartsWith("flood", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task One_tenant_fills_an_eighth_of_the_queue_and_the_others_still_write()
    {
        using var store = await TestDatabase.OpenAsync(queueLimit: 800);
        using var gate = await store.HoldWriterAsync();
        List<Task> taken = [];
        var refused = 0;
        for (var i = 0; i < 300; i++)
        {
            try
            {
                taken.Add(store.AddAsync($"{i}"));
            }
            catch (ProblemException refusal) when (refusal.Problem is Problem.Overloaded)
            {
                refused++;
            }
        }

        taken.Add(store.Database.WriteAsync(new Tenant("globex"), session => TestDatabase.InsertAsync(session, "other"), Ct));
        await gate.OpenAsync();
        await Task.WhenAll(taken);

        Assert.Equal(200, refused);
        Assert.Equal(100, await store.CountAsync());
    }
}
