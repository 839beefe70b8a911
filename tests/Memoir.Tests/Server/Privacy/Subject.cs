using System.Globalization;
using System.Net;
using System.Text.Json;
using Memoir.Kit.Data;
using Memoir.Kit.Jobs;
using Memoir.Server.Embeddings.Stored;
using Memoir.Server.Embeddings.Vectors;
using Memoir.Server.Recall.Indexes;
using Memoir.Tests.Testing;
using Microsoft.Extensions.DependencyInjection;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Privacy;

/// <summary>Somebody whose name is in every place where something of a user can be, beside others who stay.</summary>
internal static class Subject
{
    /// <summary>With a letter that JSON may escape.</summary>
    public const string Canary = "zündel5e81d0";

    public static readonly Tenant Acme = new("acme");

    public static string Erase => $"/v1/users/{Uri.EscapeDataString(Canary)}/data";

    public static string Export => $"/v1/users/{Uri.EscapeDataString(Canary)}/export";

    public static async Task SpreadAsync(TestApp server, int memories = 12)
    {
        var client = server.As("acme");
        await client.StoreManyAsync(Enumerable.Range(0, memories).Select(i => Message(
            string.Create(CultureInfo.InvariantCulture, $"{Canary} keeps a lighthouse {i} {new string((char)('a' + (i % 26)), i * 40 % 3000)}"), ("external_id", $"{Canary}-{i}"), ("user_id", Canary),
            ("name", Canary), ("source", Canary), ("conversation_id", $"{Canary}-talk"), ("metadata", new Dictionary<string, string> { [Canary] = Canary }))));
        await client.StoreManyAsync(Enumerable.Range(0, memories).Select(i => Message(
            string.Create(CultureInfo.InvariantCulture, $"Bob sells a boat {i} {new string((char)('a' + (i % 26)), i * 70 % 3000)}"), ("external_id", $"bob-{i}"), ("user_id", "bob"), ("conversation_id", "harbour"))));
        await MergeAsync(server);

        // Versions: of a change, of a replacement, and of a memory that is another's by now.
        var first = await client.StoreAsync($"{Canary} moved", ("external_id", $"{Canary}-0"), ("user_id", Canary), ("conversation_id", $"{Canary}-talk"));
        await (await client.SendAsync("PATCH", $"/v1/messages/{first.Text("id")}", """{"importance_override":0.9}""")).JsonAsync(HttpStatusCode.OK);
        await client.StoreAsync($"{Canary} had this", ("external_id", "handed-over"), ("user_id", Canary));
        await client.StoreAsync("Bob has this now.", ("external_id", "handed-over"), ("user_id", "bob"));

        // A kept answer, a job and an error that name the subject.
        client.DefaultRequestHeaders.Add("Idempotency-Key", "turn-17");
        await client.StoreAsync($"{Canary} asked twice", ("user_id", Canary));
        var database = server.Services.GetRequiredService<Database>();
        await database.WriteAsync(Acme, async session =>
        {
            var jobs = server.Services.GetRequiredService<JobQueue>();
            await jobs.EnqueueAsync(session, "none", JsonSerializer.Serialize(new[] { Canary }));
            var blamed = await jobs.EnqueueAsync(session, "none", "17");
            await session.ExecuteAsync("UPDATE jobs SET last_error = @error, status = 'dead' WHERE tenant_id = @Tenant AND id = @blamed", new { error = $"no answer about {Canary}", blamed });

            // What a later room will make of memories: of the subject's, and of that.
            await session.ExecuteAsync(
                "UPDATE memories SET derived_from = @sources, content = @text WHERE tenant_id = @Tenant AND external_id = 'bob-1'",
                new { sources = JsonSerializer.Serialize(new[] { first.Text("id") }), text = $"made of {Canary}" });
            await session.ExecuteAsync(
                "UPDATE memories SET derived_from = @sources, content = @text WHERE tenant_id = @Tenant AND external_id = 'bob-2'",
                new { sources = $"[\"{await IdAsync(session, "bob-1")}\"]", text = $"made of what was made of {Canary}" });
            await EmbeddingStore.PutAsync(session, "kept", 1, VectorCodec.Encode([1, 0, 0, 0]), change: 1);
        }, Ct);
    }

    public static Task MergeAsync(TestApp server) => server.Services.GetRequiredService<IndexMerger>().MergeAsync(Acme, Ct);

    /// <summary>The receipt.</summary>
    public static async Task<JsonElement> EraseAsync(TestApp server) =>
        await (await server.As("acme").DeleteAsync(Erase, Ct)).JsonAsync(HttpStatusCode.OK);

    public static Task<HttpResponseMessage> PostAsync(this HttpClient client, string url, string lines) =>
        client.SendAsync("POST", url, lines, "application/x-ndjson");

    private static async Task<Guid> IdAsync(Session session, string externalId)
    {
        Guid id = default;
        await session.ScanAsync("SELECT id FROM memories WHERE tenant_id = @Tenant AND external_id = @externalId", new { externalId }, row => id = row.Id(0));
        return id;
    }
}
