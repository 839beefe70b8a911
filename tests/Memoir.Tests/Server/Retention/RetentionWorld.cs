using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Memoir.Kit.Data;
using Memoir.Server.Memories;
using Memoir.Server.Tenants;
using Memoir.Tests.Testing;
using Microsoft.Extensions.DependencyInjection;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Retention;

/// <summary>What tests of retention say and look at, in a line each; all of the tenant acme.</summary>
internal static class RetentionWorld
{
    public static readonly Tenant Acme = new("acme");

    public static readonly string[] Both = ["archive", "delete"];

    /// <summary>A message of so many days ago; one of a tool is below the usual threshold, one of a user above it.</summary>
    public static Task<JsonElement> StoreAgedAsync(this TestApp server, string content, double days, params (string Name, object? Value)[] members) =>
        server.As("acme").StoreAsync(content, [("role", "tool"), ("created_at", server.Time.GetUtcNow().AddDays(-days)), .. members]);

    public static Task<HttpResponseMessage> TryRunAsync(this TestApp server, bool dryRun = false, string tenant = "acme", params string[] actions) =>
        server.As(tenant).PostAsJsonAsync("/v1/admin/retention/run", new { tenant_id = tenant, actions = actions.Length == 0 ? Both : actions, dry_run = dryRun }, Ct);

    public static async Task<JsonElement> RunAsync(this TestApp server, bool dryRun = false, params string[] actions) =>
        await (await server.TryRunAsync(dryRun, "acme", actions)).JsonAsync(HttpStatusCode.OK);

    public static async Task<JsonElement> PutPolicyAsync(
        this TestApp server, int maxAge = 30, double threshold = 0.35, int deleteAfter = 90, long? maxItems = null, double? factor = null, string tenant = "acme") =>
        await (await server.As(tenant).PutAsJsonAsync(
            $"/v1/admin/retention/policies/{tenant}",
            new { max_age_days = maxAge, importance_threshold = threshold, delete_after_days = deleteAfter, max_items = maxItems, keep_important_factor = factor }, Ct)).JsonAsync(HttpStatusCode.OK);

    public static async Task<JsonElement> PlaceHoldAsync(this TestApp server, string name, object body) =>
        await (await server.As("acme").PutAsJsonAsync($"/v1/admin/retention/holds/{name}", body, Ct)).JsonAsync(HttpStatusCode.OK);

    public static Task<JsonElement> ReadMessageAsync(this TestApp server, JsonElement message) =>
        server.As("acme").ReadAsync($"/v1/messages/{message.Text("id")}");

    public static bool IsArchived(this JsonElement message) => message.TryGetProperty("archived_at", out _);

    public static (long Archived, long Deleted) Counts(this JsonElement run) => (run.GetProperty("archived").GetInt64(), run.GetProperty("deleted").GetInt64());

    /// <summary>Rows as they are wanted, past the door, which sets no times of archiving.</summary>
    public static Task FillAsync(TestApp server, IReadOnlyList<Memory> memories, string tenant = "acme") =>
        server.Services.GetRequiredService<Database>().WriteAsync(new Tenant(tenant), async session =>
        {
            var counters = await TenantCounters.TakeAsync(session, memories.Count, server.Time.GetUtcNow());
            var first = counters.LastSequence - memories.Count + 1;
            await MemoryStore.InsertManyAsync(session, [.. memories.Select((memory, i) => memory with { Sequence = first + i })]);
        }, Ct);

    public static Memory Row(DateTimeOffset occurredAt, double importance) => new()
    {
        Id = Guid.CreateVersion7(),
        Sequence = 0,
        Version = 1,
        Type = "message",
        Content = "filled in",
        Role = "user",
        Metadata = Json.EmptyObject,
        ImportanceBase = importance,
        SourceClass = "user",
        Writer = "test",
        Channel = "test",
        OccurredAt = occurredAt,
        StoredAt = occurredAt,
        UpdatedAt = occurredAt,
        EmbeddingStatus = "completed",
    };

    public static Task<IReadOnlyList<Memory>> AllAsync(TestApp server, string tenant = "acme") =>
        server.Services.GetRequiredService<Database>().ReadAsync(new Tenant(tenant), session => MemoryStore.ListAfterAsync(session, 0, 1_000_000), Ct);
}
