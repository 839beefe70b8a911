using Memoir.Tests.Testing;

namespace Memoir.Tests.Kit.Data.Postgres;

public sealed class TableRewriteTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Rows_that_an_old_transaction_keeps_alive_are_noticed()
    {
        using var database = await TestDatabase.OpenAsync();
        await database.AddAsync("a note");
        await using var old = await PostgresServer.ConnectAsync(PostgresServer.OwnerUrlOf(database.Postgres!));
        await using var transaction = await old.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead, Ct);
        await using (var look = new Npgsql.NpgsqlCommand("SELECT COUNT(*) FROM pg_class", old, transaction))
        {
            await look.ExecuteScalarAsync(Ct);
        }

        await database.Database.WriteAsync(TestDatabase.Acme, session => session.ExecuteAsync("DELETE FROM notes WHERE tenant_id = @Tenant", new { }), Ct);

        Assert.Matches("keeps [1-9][0-9]* deleted rows alive", await database.Database.RewriteAsync(["notes"], Ct));
    }
}
