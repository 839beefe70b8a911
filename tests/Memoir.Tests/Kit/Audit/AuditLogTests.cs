using System.Net.Http.Json;
using System.Text.Json;
using Memoir.Kit.Audit;
using Memoir.Kit.Data;
using Memoir.Tests.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace Memoir.Tests.Kit.Audit;

/// <summary>Every change has one record that commits with it: who, what, which thing, under which request; never what it said.</summary>
public sealed class AuditLogTests
{
    private const string Secret = "My locker combination is 11-22-33.";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_stored_message_has_one_record()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var client = Named(server.As("acme"), "req-1");

        var id = await StoreAsync(client);

        var record = Assert.Single(await RecordsAsync(server, "acme"));
        Assert.Equal(("memory.store", id, 1, "req-1"), (record.Action, record.Subject, record.Count, record.RequestId));
        Assert.StartsWith("operator:", record.Actor, StringComparison.Ordinal);
        Assert.DoesNotContain(TestApp.OperatorKey, record.Actor, StringComparison.Ordinal);
        Assert.Equal(server.Time.GetUtcNow(), record.At);
    }

    [Fact]
    public async Task A_batch_has_one_record_with_its_count()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var client = Named(server.As("acme"), "req-2");
        var items = Enumerable.Range(0, 7).Select(i => new { tenant_id = "acme", conversation_id = "c", role = "user", content = $"{i}" });

        await client.PostAsJsonAsync("/v1/messages/batch", new { items }, Ct);

        var record = Assert.Single(await RecordsAsync(server, "acme"));
        Assert.Equal(("memory.store", null, 7, "req-2"), (record.Action, record.Subject, record.Count, record.RequestId));
    }

    [Fact]
    public async Task Changes_and_deletions_are_recorded_by_who_made_them()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var operators = Named(server.As("acme"), "req-3");
        var made = await operators.PostAsJsonAsync("/v1/admin/keys", new { tenant_id = "acme", name = "app" }, Ct);
        var key = await made.Content.ReadFromJsonAsync<JsonElement>(Ct);
        var client = Named(server.WithKey(key.GetProperty("key").GetString()!), "req-4");

        var id = await StoreAsync(client);
        await client.PatchAsJsonAsync($"/v1/messages/{id}", new { importance_override = 0.5 }, Ct);
        await client.DeleteAsync(new Uri($"/v1/messages/{id}", UriKind.Relative), Ct);
        await operators.DeleteAsync(new Uri($"/v1/admin/keys/{key.GetProperty("id").GetString()}", UriKind.Relative), Ct);

        var records = await RecordsAsync(server, "acme");
        Assert.Equal(["key.create", "key.revoke", "memory.change", "memory.forget", "memory.store"], records.Select(r => r.Action).Order(StringComparer.Ordinal));
        Assert.All(records.Where(r => r.Action.StartsWith("memory.", StringComparison.Ordinal)), record =>
            Assert.Equal(($"key:{key.GetProperty("prefix").GetString()}", id, "req-4"), (record.Actor, record.Subject, record.RequestId)));
    }

    [Fact]
    public async Task A_refused_request_and_a_repeated_one_leave_no_record()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var client = server.As("acme");
        client.DefaultRequestHeaders.Add("Idempotency-Key", "k1");

        await client.PostAsJsonAsync("/v1/messages", new { tenant_id = "acme", conversation_id = "c", role = "nobody", content = "x" }, Ct);
        await client.DeleteAsync(new Uri($"/v1/messages/{Guid.CreateVersion7(server.Time.GetUtcNow())}", UriKind.Relative), Ct);
        await StoreAsync(client);
        await StoreAsync(client);

        Assert.Single(await RecordsAsync(server, "acme"));
    }

    [Fact]
    public async Task A_record_disappears_with_the_change_it_is_about()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var database = server.Services.GetRequiredService<Database>();

        await Assert.ThrowsAsync<TimeZoneNotFoundException>(() => database.WriteAsync(
            new Tenant("acme"),
            async session =>
            {
                await AuditLog.AppendAsync(session, new AuditRecord("operator", "memory.store", "x", 1, "r"), server.Time.GetUtcNow());
                throw new TimeZoneNotFoundException();
            },
            Ct));

        Assert.Empty(await RecordsAsync(server, "acme"));
    }

    [Fact]
    public async Task A_record_holds_nothing_of_what_was_said()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var client = server.As("acme");

        await StoreAsync(client);

        var record = Assert.Single(await RecordsAsync(server, "acme"));
        Assert.DoesNotContain("11-22-33", record.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Records_belong_to_the_tenant_of_the_change()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);

        await StoreAsync(server.As("acme"));

        Assert.Empty(await RecordsAsync(server, "globex"));
    }

    private static HttpClient Named(HttpClient client, string requestId)
    {
        client.DefaultRequestHeaders.Add("X-Request-ID", requestId);
        return client;
    }

    private static async Task<string> StoreAsync(HttpClient client)
    {
        var answer = await client.PostAsJsonAsync(
            "/v1/messages", new { tenant_id = "acme", conversation_id = "c", role = "user", content = Secret }, Ct);
        return (await answer.Content.ReadFromJsonAsync<JsonElement>(Ct)).GetProperty("id").GetString()!;
    }

    private static Task<IReadOnlyList<Row>> RecordsAsync(TestApp server, string tenant) =>
        server.Services.GetRequiredService<Database>().ReadAsync(
            new Tenant(tenant),
            session => session.QueryAsync<Row>(
                "SELECT at, actor, action, subject, count, request_id FROM audit_records WHERE tenant_id = @Tenant", new { }),
            Ct);

    private sealed record Row
    {
        public required DateTimeOffset At { get; init; }

        public required string Actor { get; init; }

        public required string Action { get; init; }

        public string? Subject { get; init; }

        public required long Count { get; init; }

        public required string RequestId { get; init; }
    }
}
