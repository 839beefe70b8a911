using System.Net;
using Memoir.Tests.Testing;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Postgres;

public sealed class QueueReadinessTests
{
    [Fact]
    public async Task A_queue_that_does_not_answer_takes_no_process_out_of_service()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        await using var holder = await RawDatabase.OpenAsync(server.Folder, "acme");
        await using var transaction = await holder.BeginTransactionAsync(Ct);
        await RawDatabase.ScalarAsync(holder, "LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE");

        var answer = await server.WithKey(TestApp.OperatorKey).GetAsync("/v1/admin/readiness", Ct);

        var readiness = await answer.JsonAsync(HttpStatusCode.OK);
        Assert.Equal("degraded", readiness.Text("status"));
        Assert.Equal("degraded", readiness.GetProperty("dependencies").GetProperty("queue").Text("status"));
        await transaction.RollbackAsync(Ct);
    }
}
