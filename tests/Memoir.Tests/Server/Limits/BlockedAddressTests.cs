using System.Net;
using Memoir.Server.Limits;
using Memoir.Tests.Testing;
using Microsoft.Extensions.DependencyInjection;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Limits;

public sealed class BlockedAddressTests
{
    private const string Attacker = "203.0.113.66";
    private const string Routes = "/v1/admin/blocked-addresses";

    private static readonly (string, string?)[] Blocking = [("BlockAfterRefusals", "50")];

    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Theory, MemberData(nameof(Engines))]
    public async Task Fifty_refusals_within_five_minutes_block_an_address_for_fifteen(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, Blocking);
        await RefuseAsync(server, Attacker, 49);
        Assert.Equal(HttpStatusCode.OK, (await FromAsync(server, Attacker, "/version")).StatusCode);
        await RefuseAsync(server, Attacker, 1);

        var blocked = await FromAsync(server, Attacker, "/version");
        var neighbour = await FromAsync(server, "203.0.113.67", "/version");
        var alive = await FromAsync(server, Attacker, "/health");
        server.Time.Advance(blocked.Headers.RetryAfter!.Delta!.Value);
        var later = await FromAsync(server, Attacker, "/version");

        await blocked.RefusedAsync(HttpStatusCode.TooManyRequests, "rate-limited");
        Assert.Equal(TimeSpan.FromMinutes(15), blocked.Headers.RetryAfter.Delta.Value);
        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK, HttpStatusCode.OK), (neighbour.StatusCode, alive.StatusCode, later.StatusCode));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Refusals_by_limits_count_as_well(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, [.. Blocking, ("GlobalRateLimit", "1/day")]);
        for (var i = 0; i < 50; i++)
        {
            await FromAsync(server, "203.0.113.1", "/version"); // One is let in, the others are refused.
        }

        var forgiven = await ListAsync(server);
        await FromAsync(server, "203.0.113.1", "/version");

        Assert.Empty(forgiven);
        Assert.Equal(["203.0.113.1"], await ListAsync(server));
    }

#if !POSTGRES
    /// <summary>PostgreSQL counts by its own clock, which nobody moves here.</summary>
    [Fact]
    public async Task Old_refusals_are_forgotten()
    {
        await using var server = await TestApp.StartAsync(TestEngine.Sqlite, Blocking);
        await RefuseAsync(server, Attacker, 49);
        server.Time.Advance(TimeSpan.FromMinutes(6));
        await RefuseAsync(server, Attacker, 49);

        Assert.Empty(await ListAsync(server));
    }
#endif

    [Theory, MemberData(nameof(Engines))]
    public async Task A_block_is_audited_measured_listed_and_lifted(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, Blocking);
        await RefuseAsync(server, Attacker, 60);
        await RefuseAsync(server, "2001:db8:1:2:3::4", 60);
        Assert.Contains("\nblocked_addresses 2\n", await server.WithKey(TestApp.OperatorKey).GetStringAsync("/metrics", Ct), StringComparison.Ordinal);
        var listed = await server.WithKey(TestApp.OperatorKey).ReadAsync(Routes);
        var paged = await server.WithKey(TestApp.OperatorKey).ReadAsync(Routes + "?limit=1");
        var next = await server.WithKey(TestApp.OperatorKey).ReadAsync($"{Routes}?limit=1&cursor={paged.Text("next_cursor")}");

        var lifted = await server.WithKey(TestApp.OperatorKey).DeleteAsync($"{Routes}/{Attacker}", Ct);
        var again = await server.WithKey(TestApp.OperatorKey).DeleteAsync($"{Routes}/{Attacker}", Ct);
        await server.WithKey(TestApp.OperatorKey).DeleteAsync($"{Routes}/2001:db8:1:2::ffff", Ct);

        Assert.Equal(["2001:db8:1:2::", Attacker], listed.Each("address"));
        Assert.Equal(["2001:db8:1:2::"], paged.Each("address"));
        Assert.Equal([Attacker], next.Each("address"));
        Assert.Equal(HttpStatusCode.NoContent, lifted.StatusCode);
        await again.RefusedAsync(HttpStatusCode.NotFound, "not-found");
        Assert.Empty(await ListAsync(server));
        Assert.Equal(HttpStatusCode.OK, (await FromAsync(server, Attacker, "/version")).StatusCode);
        await RefuseAsync(server, Attacker, 49);
        Assert.Equal(HttpStatusCode.OK, (await FromAsync(server, Attacker, "/version")).StatusCode); // It begins to be counted anew.
        server.CallerAddress = IPAddress.Loopback;
        Assert.Contains("\naddress_blocks_total 2\n", await server.WithKey(TestApp.OperatorKey).GetStringAsync("/metrics", Ct), StringComparison.Ordinal);
        Assert.Equal(2, await AuditedAsync(server, "address.block"));
        Assert.Equal(2, await AuditedAsync(server, "address.lift"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_tenants_administrator_neither_sees_nor_lifts_blocks(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var admin = await server.MemberAsync("acme", "admin");

        await (await admin.GetAsync(Routes, Ct)).RefusedAsync(HttpStatusCode.Forbidden, "insufficient-scope");
        await (await admin.DeleteAsync($"{Routes}/{Attacker}", Ct)).RefusedAsync(HttpStatusCode.Forbidden, "insufficient-scope");
        await (await server.WithKey(TestApp.OperatorKey).DeleteAsync($"{Routes}/nonsense", Ct)).RefusedAsync(HttpStatusCode.NotFound, "not-found");
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_restart_lifts_no_block(TestEngine engine)
    {
        var folder = Directory.CreateTempSubdirectory("memoir-blocks-").FullName;
        await using (var first = await TestApp.StartInAsync(folder, Blocking))
        {
            await RefuseAsync(first, Attacker, 50);
        }

        await using (var second = await TestApp.StartInAsync(folder, Blocking))
        {
            Assert.Equal(HttpStatusCode.TooManyRequests, (await FromAsync(second, Attacker, "/version")).StatusCode);
        }

#if POSTGRES
        await PostgresServer.DropAsync(PostgresServer.DatabaseIn(folder));
#endif
        Directory.Delete(folder, recursive: true);
        Assert.Equal(TestEngines.Current, engine);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task This_machine_and_trusted_proxies_are_never_blocked(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, [.. Blocking, ("TrustedProxies", "10.0.0.0/8")]);
        foreach (var address in (string[])["127.0.0.1", "::1", "10.1.2.3", "::ffff:10.1.2.3"])
        {
            await RefuseAsync(server, address, 60);

            Assert.Equal(HttpStatusCode.OK, (await FromAsync(server, address, "/version")).StatusCode);
        }
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Zero_blocks_nobody(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, ("BlockAfterRefusals", "0"));
        await RefuseAsync(server, Attacker, 100);

        Assert.Equal(HttpStatusCode.OK, (await FromAsync(server, Attacker, "/version")).StatusCode);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Other_processes_block_and_lift_with_the_one_that_did(TestEngine engine)
    {
        await using var first = await TestApp.StartAsync(engine, Blocking);
        await using var second = TestApp.StartBeside(first);
        await FromAsync(second, Attacker, "/version");
        await RefuseAsync(first, Attacker, 50);

        await second.Services.GetRequiredService<LimitsUpkeep>().RunOnceAsync(Ct);
        var blocked = await FromAsync(second, Attacker, "/version");
        await first.WithKey(TestApp.OperatorKey).DeleteAsync($"{Routes}/{Attacker}", Ct);
        await second.Services.GetRequiredService<LimitsUpkeep>().RunOnceAsync(Ct);

        Assert.Equal(HttpStatusCode.TooManyRequests, blocked.StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await FromAsync(second, Attacker, "/version")).StatusCode);
    }

    private static async Task RefuseAsync(TestApp server, string address, int times)
    {
        for (var i = 0; i < times; i++)
        {
            await FromAsync(server, address, "/v1/conversations", "mk_aaaaaaaa_0123456789012345678901234567890123456789012");
        }
    }

    private static async Task<HttpResponseMessage> FromAsync(TestApp server, string address, string url, string? key = null)
    {
        server.CallerAddress = IPAddress.Parse(address);
        try
        {
            return await (key is null ? server.CreateClient() : server.WithKey(key)).GetAsync(url, Ct);
        }
        finally
        {
            server.CallerAddress = IPAddress.Loopback;
        }
    }

    private static async Task<string[]> ListAsync(TestApp server) =>
        [.. (await server.Services.GetRequiredService<BlockedAddresses>().ListAsync("", 100, Ct)).Select(blocked => blocked.Address)];

    private static Task<long> AuditedAsync(TestApp server, string action) =>
        RawDatabase.CountAsync(server, "default", $"SELECT COUNT(*) FROM audit_records WHERE tenant_id = 'default' AND action = '{action}'");
}
