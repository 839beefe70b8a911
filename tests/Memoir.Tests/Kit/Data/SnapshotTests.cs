using Memoir.Kit.Data;
using Memoir.Tests.Testing;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Kit.Data;

public sealed class SnapshotTests
{
    private static readonly Tenant Umbrella = new("umbrella");

    [Fact]
    public async Task Every_tenant_is_read_as_it_was_at_one_instant()
    {
        using var opened = await TestDatabase.OpenAsync();
        var database = opened.Database;
        await opened.AddAsync("before");
        await database.WriteAsync(Umbrella, session => TestDatabase.InsertAsync(session, "before"), Ct);

        var (acme, umbrella, again) = await database.SnapshotAsync(
            async snapshot =>
            {
                var first = await snapshot.ReadAsync(TestDatabase.Acme, TestDatabase.CountAsync);
                await opened.AddAsync("meanwhile");
                await database.WriteAsync(Umbrella, session => TestDatabase.InsertAsync(session, "meanwhile"), Ct);
                return (first, await snapshot.ReadAsync(Umbrella, TestDatabase.CountAsync), await snapshot.ReadAsync(TestDatabase.Acme, TestDatabase.CountAsync));
            },
            Ct);

        Assert.Equal((1L, 1L, 1L), (acme, umbrella, again));
        Assert.Equal(2, await opened.CountAsync());
    }

    [Fact]
    public async Task A_session_of_it_is_one_tenants_and_ends_with_its_closure()
    {
        using var opened = await TestDatabase.OpenAsync();
        await opened.AddAsync("one");
        await opened.Database.WriteAsync(Umbrella, session => TestDatabase.InsertAsync(session, "two"), Ct);

        await opened.Database.SnapshotAsync(
            async snapshot =>
            {
                Session? kept = null;
                var seen = await snapshot.ReadAsync(TestDatabase.Acme, session =>
                {
                    kept = session;
                    return session.QueryAsync<string>("SELECT text FROM notes WHERE tenant_id = @Tenant", new { });
                });
                Assert.Equal(["one"], seen);
                await Assert.ThrowsAsync<InvalidOperationException>(() => TestDatabase.CountAsync(kept!));
#if POSTGRES
                // The database itself keeps them apart, and shows a system session no notes at all.
                Assert.Equal(["two"], await snapshot.ReadAsync(Umbrella, session => session.QueryAsync<string>("SELECT text FROM notes", new { })));
                Assert.Empty(await snapshot.SystemReadAsync(session => session.QueryAsync<string>("SELECT text FROM notes", new { })));
                Assert.Equal(["one"], await snapshot.ReadAsync(TestDatabase.Acme, session => session.QueryAsync<string>("SELECT text FROM notes", new { })));
#endif
                return true;
            },
            Ct);
    }

    [Fact]
    public async Task Nothing_is_written_through_it()
    {
        using var opened = await TestDatabase.OpenAsync();

        await Assert.ThrowsAsync<InvalidOperationException>(() => opened.Database.SnapshotAsync(
            snapshot => snapshot.ReadAsync(TestDatabase.Acme, session => TestDatabase.InsertAsync(session, "no")), Ct));

        Assert.Equal(0, await opened.CountAsync());
    }
}
