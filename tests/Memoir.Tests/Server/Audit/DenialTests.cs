using System.Net;
using Memoir.Kit.Audit;
using Memoir.Kit.Data;
using Memoir.Kit.Telemetry;
using Memoir.Tests.Testing;
using Microsoft.Extensions.DependencyInjection;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Audit;

/// <summary>What was denied is recorded, in whose trail it belongs, and a flood of it costs little.</summary>
public sealed class DenialTests : IAsyncLifetime
{
    private TestApp _server = null!;

    private DenialLog Denials => _server.Services.GetRequiredService<DenialLog>();

    public async ValueTask InitializeAsync() => _server = await TestApp.StartAsync(TestEngines.Current);

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task A_stranger_is_recorded_in_the_default_tenants_trail()
    {
        _server.CallerAddress = IPAddress.Parse("203.0.113.9");
        var stranger = _server.WithKey("mk_aaaaaaaa_bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb");
        stranger.DefaultRequestHeaders.Add("X-Request-ID", "req-7");

        await (await stranger.GetAsync("/v1/messages/01900000-0000-7000-8000-000000000000?tenant_id=personal%40name", Ct)).RefusedAsync(HttpStatusCode.Unauthorized, "unauthenticated");

        var denied = Assert.Single(await WrittenAsync("default"));
        Assert.Equal(
            ("stranger", "denied.unauthenticated", "GET /v1/messages/{id}", 1L, "req-7", "203.0.113.9"),
            (denied.Actor, denied.Action, denied.Subject, denied.Count, denied.RequestId, denied.Address));
    }

    [Fact]
    public async Task A_foreign_tenant_is_recorded_in_the_callers_trail_and_never_in_the_foreign_one()
    {
        var key = await _server.MakeKeyAsync("acme");
        var member = _server.WithKey(key.Text("key")!);

        await (await member.GetAsync("/v1/conversations?tenant_id=globex", Ct)).RefusedAsync(HttpStatusCode.Forbidden, "tenant-mismatch");
        await (await member.GetAsync("/v1/admin/keys", Ct)).RefusedAsync(HttpStatusCode.Forbidden, "insufficient-scope");

        Assert.Equal(
            [("denied.insufficient-scope", "GET /v1/admin/keys"), ("denied.tenant-mismatch", "GET /v1/conversations")],
            (await WrittenAsync("acme")).Where(one => one.Actor == $"key:{key.Text("prefix")}").Select(one => (one.Action, one.Subject!)).Order());
        Assert.Empty(await WrittenAsync("globex"));
    }

    [Fact]
    public async Task An_unknown_id_is_recorded_for_a_tenants_credential_and_not_for_an_operators()
    {
        var foreign = (await _server.As("globex").StoreAsync("theirs", ("tenant_id", "globex"))).Text("id");
        var member = await _server.MemberAsync("acme");

        await (await member.GetAsync($"/v1/messages/{foreign}", Ct)).RefusedAsync(HttpStatusCode.NotFound, "not-found");
        await (await member.DeleteAsync(new Uri($"/v1/messages/{foreign}", UriKind.Relative), Ct)).RefusedAsync(HttpStatusCode.NotFound, "not-found");
        await member.GetAsync("/v1/there/is/no/such/route", Ct);
        await (await _server.As("acme").GetAsync($"/v1/messages/{foreign}", Ct)).RefusedAsync(HttpStatusCode.NotFound, "not-found");

        var written = await WrittenAsync("acme");
        Assert.Equal(["DELETE /v1/messages/{id}", "GET /v1/messages/{id}"], written.Where(one => one.Action == "denied.not-found").Select(one => one.Subject!).Order());
        Assert.DoesNotContain(written, one => one.ToString().Contains(foreign!, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_key_that_has_expired_is_recorded_in_its_tenants_trail()
    {
        var made = await _server.WithKey(TestApp.OperatorKey).SendAsync(
            "POST", "/v1/admin/keys", $$"""{"tenant_id":"acme","name":"short","expires_at":"{{_server.Time.GetUtcNow().AddMinutes(1):yyyy-MM-ddTHH:mm:ssZ}}"}""");
        var key = await made.JsonAsync(HttpStatusCode.Created);
        _server.Time.Advance(TimeSpan.FromMinutes(2));

        await (await _server.WithKey(key.Text("key")!).GetAsync("/v1/conversations", Ct)).RefusedAsync(HttpStatusCode.Unauthorized, "unauthenticated");
        await (await _server.WithKey(key.Text("key")![..^1] + "!").GetAsync("/v1/conversations", Ct)).RefusedAsync(HttpStatusCode.Unauthorized, "unauthenticated");

        Assert.Contains(await WrittenAsync("acme"), one => one.Action == "denied.unauthenticated" && one.Actor == $"key:{key.Text("prefix")}");
        Assert.Equal("stranger", Assert.Single(await WrittenAsync("default")).Actor);
    }

    [Fact]
    public async Task Equal_ones_become_one_record_with_their_number()
    {
        var member = await _server.MemberAsync("acme");
        for (var i = 0; i < 30; i++)
        {
            await member.GetAsync("/v1/conversations?tenant_id=globex", Ct);
        }

        Assert.Equal(30, Assert.Single(await WrittenAsync("acme"), one => one.Action == "denied.tenant-mismatch").Count);

        await member.GetAsync("/v1/conversations?tenant_id=globex", Ct);
        Assert.Equal(2, (await WrittenAsync("acme")).Count(one => one.Action == "denied.tenant-mismatch"));
    }

    [Fact]
    public async Task A_flood_of_different_ones_costs_a_bounded_number_of_records_and_every_one_is_counted()
    {
        const int seconds = 60;
        const int each = 1000;
        for (var second = 0; second < seconds; second++)
        {
            for (var i = 0; i < each; i++)
            {
                Denials.Note(new Tenant("acme"), new AuditRecord($"key:mk_{i}", "denied.not-found", "GET /v1/messages/{id}", 1, "r"));
            }

            await Denials.WriteAsync(Ct);
            _server.Time.Advance(TimeSpan.FromSeconds(1));
        }

        var written = await WrittenAsync("acme");
        Assert.InRange(written.Count, DenialLog.Allowance, DenialLog.Allowance + (2 * seconds));
        Assert.Equal(seconds * each, written.Sum(one => one.Count));
        Assert.All(written.Where(one => one.Action == DenialLog.Others), one => Assert.Null(one.Subject));
        Assert.Contains($"audit_denials_dropped_total {(seconds * each) - written.Count(one => one.Action != DenialLog.Others)}",
            await _server.Services.GetRequiredService<PrometheusText>().ScrapeAsync(Ct), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Memory_stays_bounded_though_every_tenant_there_is_is_denied()
    {
        for (var i = 0; i < 5000; i++)
        {
            Denials.Note(new Tenant($"tenant{i}"), new AuditRecord("key:mk_1", "denied.not-found", "GET /v1/messages/{id}", 1, "r"));
        }

        await Denials.WriteAsync(Ct);

        Assert.Equal(1000L, await RawCountAsync());
    }

    [Fact]
    public async Task What_cannot_be_written_is_written_the_next_time()
    {
        await _server.MemberAsync("acme");
        Denials.Note(new Tenant("acme"), new AuditRecord("key:mk_1", "denied.not-found", "GET /v1/messages/{id}", 1, "r"));
        Denials.Note(new Tenant("globex"), new AuditRecord("key:mk_1", "denied.not-found", "GET /v1/messages/{id}", 1, "r"));
        using var stopped = new CancellationTokenSource();
        await stopped.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Denials.WriteAsync(stopped.Token));

        await Denials.WriteAsync(Ct);

        Assert.Equal((1L, 1L), ((await WrittenAsync("globex")).Sum(one => one.Count), (await WrittenAsync("acme")).Where(one => one.Action == "denied.not-found").Sum(one => one.Count)));
    }

    [Fact]
    public async Task What_the_self_test_asks_itself_is_no_denial()
    {
        var before = await _server.Services.GetRequiredService<PrometheusText>().ScrapeAsync(Ct);

        await (await _server.WithKey(TestApp.OperatorKey).PostAsync(new Uri("/v1/admin/isolation/selftest", UriKind.Relative), null, Ct)).JsonAsync(HttpStatusCode.OK);

        Assert.Contains("audit_denials_total 0", before, StringComparison.Ordinal);
        Assert.Contains("audit_denials_total 0", await _server.Services.GetRequiredService<PrometheusText>().ScrapeAsync(Ct), StringComparison.Ordinal);
    }

    private async Task<IReadOnlyList<AuditEntry>> WrittenAsync(string tenant)
    {
        await Denials.WriteAsync(Ct);
        var all = await _server.Services.GetRequiredService<AuditTrail>().ListAsync(
            new Tenant(tenant), new AuditFilter(null, DenialLog.Family, null, null, null, null), before: null, 10_000, Ct);
        return all;
    }

    private async Task<long?> RawCountAsync() => await _server.Services.GetRequiredService<Database>().SystemReadAsync(
        session => session.ScalarAsync("SELECT COUNT(*) FROM audit_records", new { }), Ct);
}
