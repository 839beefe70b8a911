using System.Net;
using System.Text.Json;
using Memoir.Tests.Testing;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Postgres;

/// <summary>Behind a pooler whose one connection goes from transaction to transaction, whoever they belong to.</summary>
public sealed class PoolerTests
{
    private static readonly string[] Tenants = ["ada", "bob", "cyd", "dan", "eve"];

    [Fact]
    public async Task A_thousand_requests_of_five_tenants_over_one_connection_mix_nothing_up()
    {
        await using var server = await StartAsync();

        var seen = await Task.WhenAll(Tenants.Select((tenant, number) => LiveAsync(server, tenant, number)));

        Assert.Equal(1000, seen.Sum(one => one.Requests));
        foreach (var (tenant, (_, left)) in Tenants.Zip(seen))
        {
            var client = server.As(tenant);
            var all = new List<string>();
            var url = "/v1/conversations/c1/messages?limit=200";
            var next = url;
            while (next is not null)
            {
                var page = await client.ReadAsync(next);
                all.AddRange(page.Each("content"));
                next = page.Text("next_cursor") is { } cursor ? $"{url}&cursor={cursor}" : null;
            }

            Assert.Equal(left.Order(StringComparer.Ordinal), all.Where(content => !content.Contains("cancelled", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
            Assert.All(all, content => Assert.StartsWith(tenant, content, StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task Everything_a_server_does_it_does_there_too()
    {
        await using var server = await StartAsync(("AsyncEmbeddings", "true"));
        var client = server.As("acme");

        var stored = await client.StoreAsync("The kettle is on.", ("external_id", "e1"));
        var replaced = await client.StoreAsync("The kettle is off.", ("external_id", "e1"));
        await client.StoreManyAsync(Enumerable.Range(0, 50).Select(i => Message($"number {i}")));
        await server.RunJobsAsync();
        var patched = await client.SendAsync("PATCH", $"/v1/messages/{stored.Text("id")}", """{"metadata":{"k":1}}""");
        var found = await client.SearchAsync("kettle", ("mode", "lexical"));
        var key = await server.MakeKeyAsync("acme");
        var gone = await client.DeleteAsync($"/v1/messages/{stored.Text("id")}", Ct);

        Assert.Equal(stored.Text("id"), replaced.Text("id"));
        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.NoContent), (patched.StatusCode, gone.StatusCode));
        Assert.Equal("The kettle is off.", found.Items()[0].Text("content"));
        Assert.Empty((await client.SearchAsync("kettle", ("mode", "lexical"))).Items());
        Assert.Equal(HttpStatusCode.OK, (await server.WithKey(key.Text("key")!).GetAsync("/v1/conversations", Ct)).StatusCode);
        Assert.Equal(HttpStatusCode.NoContent, (await client.DeleteAsync("/v1/tenants/acme/data", Ct)).StatusCode);
        Assert.Empty((await client.ReadAsync("/v1/conversations")).Items());
    }

    /// <summary>Two hundred requests of a tenant, one after another: some are refused in the middle of their transaction, some are abandoned.</summary>
    private static async Task<(int Requests, List<string> Left)> LiveAsync(TestApp server, string tenant, int number)
    {
        var client = server.As(tenant);
        var left = new List<string>();
        var ids = new List<string>();
        for (var i = 0; i < 200; i++)
        {
            var content = $"{tenant} says lighthouse {i}";
            switch ((i + number) % 10)
            {
                case 0 or 1 or 2:
                    ids.Add((await client.StoreAsync(content, ("tenant_id", tenant))).Text("id")!);
                    left.Add(content);
                    break;
                case 3:
                    var found = await client.SearchAsync("lighthouse", ("mode", "lexical"), ("top_k", 100), ("neighbors", 2));
                    Assert.All(found.Each("content"), text => Assert.StartsWith(tenant, text, StringComparison.Ordinal));
                    Assert.True(found.Items().Length > 0 || left.Count == 0);
                    break;
                case 4:
                    await client.StoreManyAsync([Message(content, ("tenant_id", tenant)), Message(content + " too", ("tenant_id", tenant))]);
                    left.AddRange([content, content + " too"]);
                    break;
                case 5:
                    var repeated = new HttpRequestMessage(HttpMethod.Post, "/v1/messages");
                    repeated.Headers.Add("Idempotency-Key", $"k{i / 20}"); // Every other one was seen before, with other words.
                    repeated.Content = JsonContent(Message(content, ("tenant_id", tenant)));
                    var answer = await client.SendAsync(repeated, Ct);
                    if (answer.StatusCode == HttpStatusCode.Accepted)
                    {
                        left.Add(content);
                    }
                    else
                    {
                        Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
                    }

                    break;
                case 6:
                    await (await client.SendAsync("PATCH", $"/v1/messages/{Guid.CreateVersion7()}", """{"metadata":{"k":1}}""")).RefusedAsync(HttpStatusCode.NotFound, "not-found");
                    break;
                case 7 when ids.Count > 0:
                    Assert.Equal(HttpStatusCode.OK, (await client.SendAsync("PATCH", $"/v1/messages/{ids[^1]}", """{"metadata":{"k":1}}""")).StatusCode);
                    break;
                case 8 when ids.Count > 3:
                    var gone = (await client.ReadAsync($"/v1/messages/{ids[0]}")).Text("content")!;
                    Assert.Equal(HttpStatusCode.NoContent, (await client.DeleteAsync($"/v1/messages/{ids[0]}", Ct)).StatusCode);
                    Assert.True(left.Remove(gone));
                    ids.RemoveAt(0);
                    break;
                default:
                    using (var caller = new CancellationTokenSource())
                    {
                        var abandoned = client.PostAsync(new Uri("/v1/messages", UriKind.Relative), JsonContent(Message(content + " cancelled", ("tenant_id", tenant))), caller.Token);
                        var search = client.GetAsync("/v1/conversations/c1/messages?limit=200", caller.Token);
                        await caller.CancelAsync();
                        await Record.ExceptionAsync(() => abandoned);
                        await Record.ExceptionAsync(() => search);
                    }

                    break;
            }
        }

        return (200, left);
    }

    private static StringContent JsonContent(object value) => new(JsonSerializer.Serialize(value), System.Text.Encoding.UTF8, "application/json");

    private static async Task<TestApp> StartAsync(params (string Key, string? Value)[] settings)
    {
        var name = await PostgresServer.CreateAsync();
        return await TestApp.StartAsync(
            TestEngine.Postgres,
            [
                ("DatabaseUrl", PostgresServer.PooledUrlOf(name)), ("DatabaseAdminUrl", PostgresServer.OwnerUrlOf(name)), ("DatabasePrepare", "false"),
                .. settings,
            ]);
    }
}
