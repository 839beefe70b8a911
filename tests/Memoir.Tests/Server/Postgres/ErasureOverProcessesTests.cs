using System.Net;
using Memoir.Tests.Server.Processes;
using Memoir.Tests.Testing;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Postgres;

public sealed class ErasureOverProcessesTests
{
    [Fact]
    public async Task What_another_process_lets_in_by_a_key_that_it_still_trusts_is_erased_with_the_rest()
    {
        await using var both = await TwoProcesses.StartAsync(TestEngines.Current);
        var member = both.B.WithKey((await both.A.MakeKeyAsync("acme")).Text("key")!);
        await member.StoreAsync("The kettle is on.");

        var erasing = TwoProcesses.EraseAsync(both.A);
        while (await RawDatabase.CountAsync(both.A, "acme", "SELECT COUNT(*) FROM api_keys") > 0)
        {
            await Task.Yield();
        }

        await member.StoreAsync("The zeppelin has landed.");
        await erasing;

        Assert.Equal(0, await RawDatabase.CountAsync(both.A, "acme", "SELECT COUNT(*) FROM memories"));
        both.B.Time.Advance(TimeSpan.FromSeconds(3));
        await (await member.GetAsync("/v1/conversations", Ct)).RefusedAsync(HttpStatusCode.Unauthorized, "unauthenticated");
    }
}
