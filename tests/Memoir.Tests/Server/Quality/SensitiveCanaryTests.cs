using System.Net;
using Memoir.Tests.Testing;
using static Memoir.Tests.Server.Quality.Secrets;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Quality;

/// <summary>What is masked is nowhere: in no file, no table, no log line, whatever door it came through.</summary>
public sealed class SensitiveCanaryTests
{
    private int _keys;

    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Theory, MemberData(nameof(Engines))]
    public async Task Nothing_that_was_masked_is_in_the_database_or_the_log(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, ("PersonalData", "mask"), ("LogLevel", "Trace"));
        var client = server.As("acme");
        foreach (var (kind, said, _) in All)
        {
            var text = Quoted($"It is so: {said}.");
            var id = (await client.StoreAsync($"It is so: {said}.", ("metadata", new { a = said }))).Text("id");
            await SendAsync(client, "POST", "/v1/messages/batch", $$"""{"items":[{"tenant_id":"acme","conversation_id":"c","role":"user","content":{{text}} }]}""");
            await SendAsync(client, "PATCH", $"/v1/messages/{id}", $$"""{"metadata":{"b":{{text}} } }""");
            await SendAsync(client, "POST", "/v1/memories", $$"""{"content":{{text}} }""");
            await SendAsync(client, "POST", "/v1/memories/batch", $$"""{"items":[{"content":{{text}} }]}""");
            await SendAsync(client, "POST", "/v1/memories/user?user_id=ann", $$"""{"type":"fact","key":"{{kind}}","value":{"a":[{{text}}] } }""");
            await SendAsync(client, "POST", "/v1/memories/shared", $$"""{"type":"fact","key":"{{kind}}","value":{"a":{"b":{{text}} } } }""");
            await SendAsync(client, "PATCH", $"/v1/memories/{id}", $$"""{"content":{{text}},"categories":[{{Quoted(said[..Math.Min(64, said.Length)])}}]}""");
            await SendAsync(client, "POST", "/memory/store", $$"""{"user_id":"ann","content":{{text}} }""");
            await SendAsync(client, "POST", $"/memory/{kind}", $$"""{"profile":{"role":{{text}} } }""");
            await SendAsync(client, "PATCH", $"/memory/{kind}", $$"""{"session_snapshots":[{"a":{{text}} }]}""");
            if (kind is not ("payment_card" or "iban" or "email" or "phone"))
            {
                await client.SearchAsync($"what is {said}"); // Of searches the secrets alone are masked.
            }
        }

        await server.WriteSearchesAsync();
        await server.RunJobsAsync();
        var log = server.Log.Text;
        foreach (var (kind, _, secret) in All)
        {
            var found = await RawFiles.FindAsync(server, secret);
            Assert.True(found.Count == 0, $"{kind}: {string.Join(", ", found)}");
            Assert.DoesNotContain(secret, log, StringComparison.Ordinal);
            Assert.Equal(1, await RawDatabase.CountAsync(server, "acme", $"SELECT COUNT(*) FROM memories WHERE tenant_id = 'acme' AND user_id = 'ann' AND key = '{kind}' AND content LIKE '%[masked:{kind}]%'"));
        }
    }

    private async Task SendAsync(HttpClient client, string method, string url, string body)
    {
        client.DefaultRequestHeaders.Remove("Idempotency-Key");
        client.DefaultRequestHeaders.Add("Idempotency-Key", $"key-{_keys++}");
        var answer = await client.SendAsync(method, url, body);
        Assert.True(answer.StatusCode is HttpStatusCode.OK or HttpStatusCode.Accepted, $"{method} {url}: {await answer.Content.ReadAsStringAsync(Ct)}");
    }
}
