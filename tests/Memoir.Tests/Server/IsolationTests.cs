using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using Memoir.Kit.Data;
using Memoir.Tests.Server.Documents;
using Memoir.Tests.Testing;
using Microsoft.Extensions.DependencyInjection;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server;

/// <summary>Two tenants that agree in everything but their canaries.</summary>
public sealed partial class IsolationTests
{
    private const string CanaryA = "canarya4f1b";
    private const string CanaryB = "canaryb9c7d";

    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Theory, MemberData(nameof(Engines))]
    public async Task Nothing_of_a_tenant_is_in_any_answer_to_another(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var world = await World.MakeAsync(server);
        var before = await RawDatabase.StateAsync(server, "b");

        foreach (var (method, url, body) in world.Attacks())
        {
            var request = new HttpRequestMessage(new HttpMethod(method), url);
            request.Headers.TryAddWithoutValidation("Idempotency-Key", body?.Contains("\"idem\"", StringComparison.Ordinal) == true ? "shared-key" : null);
            request.Content = body is null ? null : new StringContent(body, System.Text.Encoding.UTF8, "application/json");
            var answer = await world.A.SendAsync(request, Ct);

            var text = await answer.Content.ReadAsStringAsync(Ct) + answer.Headers;
            Assert.False(text.Contains(CanaryB, StringComparison.Ordinal), $"{method} {url} {body} answered {text}");
            Assert.True((int)answer.StatusCode < 500, $"{method} {url} {body} answered {text}");
        }

        Assert.Equal(before, await RawDatabase.StateAsync(server, "b"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_foreign_id_answers_exactly_as_an_unknown_one(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var world = await World.MakeAsync(server);
        var unknown = Guid.CreateVersion7().ToString();
        (string Method, string Url, string? Body)[] requests =
        [
            ("GET", "/v1/messages/{0}", null), ("DELETE", "/v1/messages/{0}", null), ("GET", "/v1/messages/{0}/history", null),
            ("PATCH", "/v1/messages/{0}", """{"metadata":{"x":1}}"""), ("DELETE", "/v1/admin/keys/{0}", null),
            ("POST", "/v1/messages/{0}/restore", null), ("GET", "/memory/{0}", null), ("DELETE", "/memory/{0}", null), ("GET", "/memory/{0}/history", null),
            ("GET", "/memory/{0}/history/1", null), ("POST", "/memory/{0}/restore", """{"version":1}"""), ("GET", "/v1/jobs/{0}", null), ("POST", "/v1/jobs/{0}/retry", null), ("DELETE", "/v1/jobs/{0}", null), ("GET", "/v1/erasures/{0}", null),
        ];

        foreach (var (method, url, body) in requests)
        {
            var foreign = url.Contains("keys", StringComparison.Ordinal) ? world.KeyB
                : url.Contains("jobs", StringComparison.Ordinal) ? world.JobB
                : url.StartsWith("/memory/", StringComparison.Ordinal) ? "only-of-b"
                : world.MessageB;
            var toForeign = await (await world.A.SendAsync(method, url.Replace("{0}", foreign, StringComparison.Ordinal), body)).RefusedAsync(HttpStatusCode.NotFound, "not-found");
            var toUnknown = await (await world.A.SendAsync(method, url.Replace("{0}", unknown, StringComparison.Ordinal), body)).RefusedAsync(HttpStatusCode.NotFound, "not-found");

            Assert.Equal(Comparable(toUnknown), Comparable(toForeign));
        }

        foreach (var list in (string[])["/v1/conversations/{0}/messages", "/v1/memory/search?query=x&conversation_id={0}", "/v1/memory/search?query=x&user_id={0}"])
        {
            var ofForeign = await world.A.ReadAsync(list.Replace("{0}", "only-of-b", StringComparison.Ordinal));
            var ofUnknown = await world.A.ReadAsync(list.Replace("{0}", "only-of-c", StringComparison.Ordinal));

            Assert.Equal(ofUnknown.GetRawText(), ofForeign.GetRawText());
        }
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Scores_and_totals_do_not_change_when_another_tenant_writes(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var world = await World.MakeAsync(server);
        var before = await AnswersAsync(world.A);

        await world.B.StoreManyAsync(Enumerable.Range(0, 300).Select(i => Message(
            $"The shared lighthouse keeper {i} speaks of tomatoes.", ("tenant_id", "b"), ("conversation_id", "same"))));
        await world.B.SearchAsync("lighthouse");

        Assert.Equal(before, await AnswersAsync(world.A));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task An_idempotency_key_of_one_tenant_is_free_for_another(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var a = server.As("a");
        var b = server.As("b");
        a.DefaultRequestHeaders.Add("Idempotency-Key", "same");
        b.DefaultRequestHeaders.Add("Idempotency-Key", "same");
        var first = await a.StoreAsync(CanaryA, ("tenant_id", "a"));

        var second = await b.StoreAsync(CanaryB, ("tenant_id", "b"));

        Assert.NotEqual(first.Text("id"), second.Text("id"));
        Assert.Equal(CanaryB, second.Text("content"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Every_read_of_a_table_in_a_tenants_session_sees_only_its_rows(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await World.MakeAsync(server);
        var database = server.Services.GetRequiredService<Database>();

        foreach (var table in await RawDatabase.TenantTablesAsync(database))
        {
            var ofA = await database.ReadAsync(new Tenant("a"), s => s.ScalarAsync($"SELECT COUNT(*) FROM {table} WHERE tenant_id = @Tenant", new { }), Ct);
            var ofB = await database.ReadAsync(new Tenant("b"), s => s.ScalarAsync($"SELECT COUNT(*) FROM {table} WHERE tenant_id = @Tenant", new { }), Ct);
            var foreign = await database.ReadAsync(
                new Tenant("a"), s => s.ScalarAsync($"SELECT COUNT(*) FROM {table} WHERE tenant_id = @Tenant AND tenant_id <> 'a'", new { }), Ct);

            Assert.Equal(0, foreign);
            Assert.True(ofB > 0 || ofA == 0, $"{table} has {ofA} rows, all of one tenant: the world is too small to tell");
        }
    }

    [Fact]
    public void Every_statement_on_a_tenants_table_names_the_tenant_or_is_on_the_closed_list()
    {
        // Cross-tenant work: claiming and counting jobs, jobs left by a killed worker, finding a key, purging what is out of date,
        // reading at the start which generation of vectors each tenant has, and whose vectors the settings or a cut-off job left behind, following
        // what other processes wrote, going on with erasures and having the files written anew after them, whose audit records are to be sealed, whose there are to verify, and whom the schedule of retention runs for.
        string[] closed =
        [
            "SELECT tenant_id FROM tenants WHERE last_sequence", "SELECT tenant_id FROM tenants WHERE last_sequence > 0 AND tenant_id > @after",
            "FROM embedding_generations ORDER BY tenant_id", "FROM tenants WHERE tenant_id IN @tenants", "FROM api_keys WHERE prefix = @prefix",
            "FROM jobs WHERE status", "SELECT tenant_id FROM retention_policies WHERE tenant_id > @after", "FROM jobs WHERE {Open}", "FROM jobs WHERE {Waiting}", "UPDATE jobs SET due_at = @now WHERE {Misdated}",
            "UPDATE jobs SET status = 'running'", "WHERE (tenant_id, id) IN", "WHERE (tenant_id, credential, key) IN",
            "FROM erasures WHERE completed_at IS NULL AND requested_at", "FROM erasures WHERE rewritten_at IS NULL", "UPDATE erasures SET rewritten_at",
            "FROM audit_records WHERE position IS NULL GROUP BY tenant_id", "FROM audit_records WHERE tenant_id > @after",
            "SELECT tenant_id FROM tenants WHERE tenant_id > @after", // forgetting old searches, tenant by tenant
        ];
        var statements =
            from file in Architecture.SourceText.Files("*.cs")
            from literal in Architecture.SourceText.Literals(file)
            where Statement().IsMatch(literal) && Table().IsMatch(literal)
            where !literal.Contains("@Tenant", StringComparison.Ordinal) && !closed.Any(part => literal.Contains(part, StringComparison.Ordinal))
            select $"{Architecture.SourceText.Short(file)}: {literal}";

        Assert.Empty(statements);
    }

    private static async Task<string> AnswersAsync(HttpClient client)
    {
        var answers = new List<string>();
        foreach (var mode in (string[])["lexical", "semantic", "hybrid"])
        {
            answers.Add((await client.SearchAsync("shared lighthouse tomatoes", ("mode", mode), ("explain", true), ("top_k", 50), ("neighbors", 2))).GetRawText());
        }

        answers.Add((await client.ReadAsync("/v1/conversations")).GetRawText());
        answers.Add((await client.ReadAsync("/v1/conversations/same/messages")).GetRawText());
        return string.Join('\n', answers);
    }

    private static string Comparable(JsonElement problem) =>
        string.Join('\n', problem.EnumerateObject().Where(m => m.Name is not ("request_id" or "instance")).Select(m => $"{m.Name}={m.Value.GetRawText()}"));

    [GeneratedRegex(@"^\s*(SELECT|INSERT|UPDATE|DELETE)\b")]
    private static partial Regex Statement();

    [GeneratedRegex(@"\b(FROM|INTO|UPDATE)\s+(tenants|memories|memory_versions|memory_periods|embeddings|embedding_generations|index_\w+|jobs|idempotency_keys|audit_records|api_keys|retention_\w+|quality_policies|legal_holds|erasures|search_log|documents|document_versions)\b")]
    private static partial Regex Table();

    private sealed record World(HttpClient A, HttpClient B, string MessageA, string MessageB, string KeyB, string CursorB, string JobB)
    {
        public static async Task<World> MakeAsync(TestApp server)
        {
            var keyA = await server.MakeKeyAsync("a", "memory:read", "memory:write", "admin");
            var keyB = await server.MakeKeyAsync("b", "memory:read", "memory:write", "admin");
            var a = server.WithKey(keyA.Text("key")!);
            var b = server.WithKey(keyB.Text("key")!);
            var messageA = await FillAsync(a, "a", CanaryA);
            var messageB = await FillAsync(b, "b", CanaryB);
            await b.PatchMemoryAsync(UserMemory.Named(CanaryB), "/memory/only-of-b");
            await b.StoreAsync(CanaryB + " alone", ("tenant_id", "b"), ("conversation_id", "only-of-b"), ("user_id", "only-of-b"));
            var cursor = (await b.ReadAsync("/v1/conversations/same/messages?limit=1")).Text("next_cursor")!;
            foreach (var tenant in (string[])["a", "b"])
            {
                await server.Services.GetRequiredService<Memoir.Server.Recall.Indexes.IndexMerger>().MergeAsync(new Tenant(tenant), Ct);
                await (tenant == "a" ? a : b).StoreAsync("third " + (tenant == "a" ? CanaryA : CanaryB), ("tenant_id", tenant), ("external_id", "ext-1"), ("conversation_id", "same"));
                await server.Services.GetRequiredService<Database>().WriteAsync(
                    new Tenant(tenant), s => server.Services.GetRequiredService<Memoir.Kit.Jobs.JobQueue>().EnqueueAsync(s, "none", tenant), Ct);
            }

            await a.SearchAsync(CanaryA);
            await b.SearchAsync(CanaryB);
            await server.WriteSearchesAsync();
            var jobB = (await b.ReadAsync("/v1/jobs")).Each("id").Single();
            return new World(a, b, messageA, messageB, keyB.Text("id")!, cursor, jobB);
        }

        public IEnumerable<(string Method, string Url, string? Body)> Attacks()
        {
            foreach (var id in (string[])[MessageB, MessageB.ToUpperInvariant(), KeyB, MessageA])
            {
                foreach (var ending in (string[])["", "?tenant_id=b", "?tenant_id=a", "/history", $"/history?cursor={CursorB}", "?tenant_id=a&tenant_id=b"])
                {
                    foreach (var method in (string[])["GET", "HEAD", "OPTIONS", "PATCH", "DELETE"])
                    {
                        if (id != MessageA || method is not ("DELETE" or "PATCH"))
                        {
                            yield return (method, $"/v1/messages/{id}{ending}", method == "PATCH" ? """{"metadata":{"k":"x"}}""" : null);
                        }
                    }
                }
            }

            string[] questions =
            [
                $"query={CanaryB}", $"query={CanaryB}&mode=lexical", $"query={CanaryB}&mode=semantic", "query=shared&conversation_id=same&neighbors=10&explain=true",
                "query=shared&user_id=same-user&top_k=100", "query=shared&conversation_id=only-of-b", "query=shared&user_id=only-of-b", "query=tenant_id:b",
                "query=shared&tenant_id=b", "query=shared&include_archived=true&top_k=100&explain=true&neighbors=10",
            ];
            foreach (var question in questions)
            {
                yield return ("GET", $"/v1/memory/search?{question}", null);
            }

            foreach (var filter in (string[])["{\"same\":\"same\"}", $"{{\"canary\":\"{CanaryB}\"}}", "{\"tenant_id\":\"b\"}"])
            {
                yield return ("POST", "/v1/memory/search", $$"""{"query":"shared {{CanaryB[..3]}}","filter":{{filter}},"top_k":100,"explain":true,"neighbors":10}""");
            }

            foreach (var url in (string[])
                [
                    "/v1/conversations", "/v1/conversations?tenant_id=b", $"/v1/conversations?cursor={CursorB}", "/v1/conversations/same/messages", "/v1/conversations/only-of-b/messages",
                    $"/v1/conversations/same/messages?cursor={CursorB}", $"/v1/conversations/same/messages?cursor={CursorB}&tenant_id=b", "/v1/admin/keys", $"/v1/admin/keys?cursor={CursorB}",
                    "/v1/jobs", "/v1/jobs?tenant_id=b", $"/v1/jobs?cursor={CursorB}", $"/v1/jobs/{JobB}", $"/v1/jobs/{JobB}?tenant_id=b",
                    "/metrics", "/v1/admin/health", "/v1/admin/readiness", "/openapi.json", "/v1/admin/analytics", "/v1/admin/analytics?tenant_id=b", "/v1/admin/analytics?since=2026-01-01T00:00:00Z", "/v1/tenants/b/data",
                    "/v1/documents", "/v1/documents?tenant_id=b", $"/v1/documents?cursor={CursorB}", "/memory/same-user/history?cursor=" + CursorB, "/gpt/openapi.json",
                ])
            {
                yield return ("GET", url, null);
            }

            foreach (var user in (string[])["only-of-b", "same-user"])
            {
                yield return ("GET", $"/v1/users/{user}/export", null);
                yield return ("GET", $"/v1/users/{user}/export?tenant_id=b", null);
                yield return ("DELETE", $"/v1/users/{user}/data?tenant_id=b", null);
                yield return ("DELETE", $"/v1/users/{user}/data", null);
                foreach (var tenant in (string[])["", "?tenant_id=b", "?tenant_id=a", "?overwrite=true&tenant_id=b"])
                {
                    yield return ("GET", $"/memory/{user}{tenant}", null);
                    yield return ("GET", $"/memory/{user}/history{tenant}", null);
                    yield return ("GET", $"/memory/{user}/history/1{tenant}", null);
                    yield return ("POST", $"/memory/{user}/restore{tenant}", """{"version":1}""");
                    yield return ("POST", $"/memory/{user}{tenant}", """{"profile":{"name":"x"}}""");
                    yield return ("POST", $"/memory/{user}{tenant}", """{"profile":{"name":"idem"},"session_snapshots":["idem"]}""");
                    yield return ("PATCH", $"/memory/{user}{tenant}", """{"profile":{"role":"x"}}""");
                    yield return ("DELETE", $"/memory/{user}{tenant}", null);
                }
            }

            yield return ("GET", "/v1/erasures?tenant_id=b", null);
            yield return ("GET", "/v1/tenants/b/export", null);
            yield return ("DELETE", "/v1/tenants/b/data", null);
            yield return ("POST", $"/v1/messages/{MessageB}/restore", null);
            yield return ("POST", "/v1/admin/retention/run", """{"tenant_id":"b","actions":["archive","delete"],"dry_run":false}""");
            yield return ("POST", "/v1/admin/retention/run", """{"tenant_id":"b","actions":["archive","delete"],"dry_run":true}""");
            yield return ("GET", "/v1/admin/retention/policies/b", null);
            yield return ("PUT", "/v1/admin/retention/policies/b", """{"max_age_days":0,"importance_threshold":1,"delete_after_days":0}""");
            yield return ("DELETE", "/v1/admin/retention/policies/b", null);
            yield return ("GET", "/v1/admin/quality/policies/b", null);
            yield return ("PUT", "/v1/admin/quality/policies/b", "{\"secrets\":\"keep\",\"personal_data\":\"keep\"}");
            yield return ("DELETE", "/v1/admin/quality/policies/b", null);
            yield return ("GET", "/v1/admin/retention/holds?tenant_id=b", null);
            yield return ("PUT", "/v1/admin/retention/holds/x", $$"""{"message_id":"{{MessageB}}"}""");
            yield return ("PUT", "/v1/admin/retention/holds/x", """{"tenant_id":"b"}""");
            yield return ("DELETE", "/v1/admin/retention/holds/x?tenant_id=b", null);
            yield return ("DELETE", $"/v1/admin/keys/{KeyB}", null);
            yield return ("DELETE", $"/v1/jobs/{JobB}", null);
            yield return ("POST", $"/v1/jobs/{JobB}/retry", null);
            yield return ("POST", "/v1/admin/keys", """{"name":"x","tenant_id":"b"}""");
            var own = JsonSerializer.Serialize(Message("shared replaced", ("tenant_id", "a"), ("external_id", "ext-1"), ("conversation_id", "same")));
            yield return ("POST", "/v1/messages", own);
            yield return ("POST", "/v1/messages", own.Replace("\"a\"", "\"b\"", StringComparison.Ordinal));
            yield return ("POST", "/v1/messages", JsonSerializer.Serialize(Message("x", ("tenant_id", "a"), ("external_id", MessageB), ("source", "idem"))));
            yield return ("POST", "/v1/messages/batch", $$"""{"items":[{{own}},{{own.Replace("\"a\"", "\"b\"", StringComparison.Ordinal)}}]}""");
        }

        private static async Task<string> FillAsync(HttpClient client, string tenant, string canary)
        {
            client.DefaultRequestHeaders.Add("Idempotency-Key", "shared-key");
            var first = await client.StoreAsync(
                $"shared lighthouse {canary}", ("tenant_id", tenant), ("external_id", "ext-1"), ("conversation_id", "same"), ("user_id", "same-user"),
                ("name", canary), ("source", canary), ("metadata", new { same = "same", canary }));
            client.DefaultRequestHeaders.Remove("Idempotency-Key");
            await client.PutMemoryAsync(UserMemory.Named(canary), "/memory/same-user");
            await client.StoreAsync($"shared keeper {canary}", ("tenant_id", tenant), ("conversation_id", "same"), ("user_id", "same-user"));
            await client.StoreAsync($"shared second {canary}", ("tenant_id", tenant), ("external_id", "ext-1"), ("conversation_id", "same"));
            return first.Text("id")!;
        }
    }
}
