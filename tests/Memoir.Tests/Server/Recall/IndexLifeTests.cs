using System.Globalization;
using System.Net;
using Memoir.Kit.Data;
using Memoir.Server.Recall.Indexes;
using Memoir.Tests.Testing;
using Microsoft.Extensions.DependencyInjection;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Recall;

/// <summary>What is found does not depend on where the index happens to be: in memory, in segments, or in neither.</summary>
public sealed class IndexLifeTests : IDisposable
{
    private static readonly string[] Questions =
        ["garden tomatoes", "kettle", "piano in winter", "river train window", "number 17", "replaced words", "who spoke on 3 January?"];

    /// <summary>Without the one to which all messages of a day are equally right: of more equals than are ranked it is not said which are shown.</summary>
    private static IReadOnlyList<string> Distinguishing => Questions[..^1];

    private readonly string _folder = Directory.CreateTempSubdirectory("memoir").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Answers_are_the_same_after_a_restart()
    {
        string before;
        await using (var server = await TestApp.StartInAsync(_folder))
        {
            await FillAsync(server.As("acme"));
            before = await AnswersAsync(server.As("acme"));
        }

        await using var restarted = await TestApp.StartInAsync(_folder);

        Assert.Equal(before, await AnswersAsync(restarted.As("acme")));
    }

    [Fact]
    public async Task Answers_are_the_same_after_merges_with_changes_in_between_and_a_restart()
    {
        string before;
        await using (var server = await TestApp.StartInAsync(_folder))
        {
            var client = server.As("acme");
            await FillAsync(client);
            await MergeAsync(server);
            await ChangeAsync(client);
            await MergeAsync(server);
            await client.StoreAsync("A kettle after the merge.");
            await MergeAsync(server);
            await client.StoreAsync("A piano that no segment has.");
            await ChangeAsync(client);
            before = await AnswersAsync(client);
        }

        await using var restarted = await TestApp.StartInAsync(_folder);

        Assert.Equal(before, await AnswersAsync(restarted.As("acme")));
    }

    [Fact]
    public async Task A_merge_changes_no_answer()
    {
        await using var server = await TestApp.StartInAsync(_folder);
        var client = server.As("acme");
        await FillAsync(client);
        await ChangeAsync(client);
        var before = await AnswersAsync(client);

        await MergeAsync(server);

        Assert.Equal(before, await AnswersAsync(client));
    }

    [Fact]
    public async Task A_message_deleted_after_a_merge_stays_deleted_after_a_restart()
    {
        await using (var server = await TestApp.StartInAsync(_folder))
        {
            var client = server.As("acme");
            await FillAsync(client);
            var stored = await client.StoreAsync("The zeppelin.");
            await client.SearchAsync("zeppelin");
            await MergeAsync(server);
            await client.DeleteAsync($"/v1/messages/{stored.Text("id")}", Ct);
            await client.StoreAsync("more");
            await MergeAsync(server);
        }

        await using var restarted = await TestApp.StartInAsync(_folder);

        Assert.Empty((await restarted.As("acme").SearchAsync("zeppelin", ("mode", "lexical"))).Items());
    }

    /// <summary>As many zeros as there were bytes.</summary>
    private static string Zeros => TestEngines.Current == TestEngine.Sqlite ? "zeroblob(length(data))" : "decode(repeat('00', length(data)), 'hex')";

    public static TheoryData<string> Damages =>
    [
        "UPDATE index_segments SET data = substr(data, 1, length(data) / 2)",
        "UPDATE index_segments SET data = substr(data, 1, 0)",
        "UPDATE index_segments SET data = data || substr(data, 1, 1)",
        $"UPDATE index_segments SET data = {Zeros}",
        "DELETE FROM index_segments",
        "UPDATE index_states SET segments = '[123]'",
        "UPDATE index_states SET segments = 'garbage'",
        "UPDATE index_states SET segments = 'null'",
    ];

    [Theory, MemberData(nameof(Damages))]
    public async Task A_damaged_index_is_built_from_the_memories_again(string damage)
    {
        var before = await FillMergedAsync();
        await RawDatabase.RunAsync(_folder, "acme", damage);

        await using var restarted = await TestApp.StartInAsync(_folder);

        Assert.Equal(before, await AnswersAsync(restarted.As("acme")));
    }

    [Fact]
    public async Task A_flipped_byte_anywhere_in_a_segment_is_noticed()
    {
        var before = await FillMergedAsync();
        await using var server = await TestApp.StartInAsync(_folder);
        var tenant = new Tenant("acme");
        await using var connection = await RawDatabase.OpenAsync(_folder, "acme");
        var data = (byte[])(await RawDatabase.ScalarAsync(connection, "SELECT data FROM index_segments"))!;
        var loader = server.Services.GetRequiredService<IndexLoader>();
        var right = (await loader.LoadAsync(tenant, Ct)).Lexical.LiveCount;

        // The same again restores it.
        Task FlipAsync(int at)
        {
            data[at] ^= 0x55;
            return RawDatabase.ScalarAsync(connection, "UPDATE index_segments SET data = @data", ("data", data));
        }

        for (var step = 0; step < 40; step++)
        {
            var at = step * data.Length / 40;
            await FlipAsync(at);
            var loaded = await loader.LoadAsync(tenant, Ct);
            await FlipAsync(at);

            // Built anew, it has no segments to build on.
            Assert.Equal(right, loaded.Lexical.LiveCount);
            Assert.Empty(loaded.State!.Segments);
        }

        Assert.Equal(before, await AnswersAsync(server.As("acme")));
    }

    [Fact]
    public async Task After_a_damage_the_next_merge_makes_the_index_whole_again()
    {
        var before = await FillMergedAsync();
        await RawDatabase.RunAsync(_folder, "acme", $"UPDATE index_segments SET data = {Zeros}");
        await using (var server = await TestApp.StartInAsync(_folder))
        {
            await MergeAsync(server);
        }

        await using var restarted = await TestApp.StartInAsync(_folder);
        var loaded = await restarted.Services.GetRequiredService<RecallIndexes>().GetAsync(new Tenant("acme"), Ct);

        Assert.Equal(0, loaded.TailCount);
        Assert.Equal(before, await AnswersAsync(restarted.As("acme")));
    }

    [Fact]
    public async Task Tenants_that_take_each_others_place_in_the_cache_keep_right_answers()
    {
        await using var server = await TestApp.StartInAsync(_folder, ("IndexCacheMegabytes", "1"));
        string[] tenants = ["t1", "t2", "t3"];
        foreach (var tenant in tenants)
        {
            for (var portion = 0; portion < 4; portion++)
            {
                await server.As(tenant).StoreManyAsync(Enumerable.Range(0, 500).Select(i => Message(
                    $"{tenant} speaks of thing{(portion * 500) + i} and of some other words like w{i * 31 % 997} and v{i * 17 % 991}.", ("tenant_id", tenant))));
            }
        }

        for (var round = 0; round < 3; round++)
        {
            foreach (var tenant in tenants)
            {
                var client = server.As(tenant);
                await client.StoreAsync($"{tenant} adds round{round}.", ("tenant_id", tenant));

                var answer = await client.SearchAsync($"thing{(round * 700) + 5} round{round}", ("mode", "lexical"), ("top_k", 2));

                Assert.All(answer.Items(), item => Assert.StartsWith(tenant, item.Text("content"), StringComparison.Ordinal));
                Assert.Equal(2, answer.Items().Length);
            }
        }
    }

    [Fact]
    public async Task Searches_and_stores_at_the_same_time_never_fail_and_lose_nothing()
    {
        await using var server = await TestApp.StartInAsync(_folder);
        var client = server.As("acme");

        async Task WriteAsync(int writer)
        {
            for (var i = 0; i < 60; i++)
            {
                var stored = await client.StoreAsync($"Writer{writer} says item{i} near the shared lighthouse.", ("external_id", i % 3 == 0 ? $"{writer}" : null));
                var found = await client.SearchAsync($"writer{writer} item{i}", ("mode", "lexical"), ("top_k", 3));
                Assert.Contains(stored.Text("id"), found.Each("message_id"));
                if (i % 10 == 9)
                {
                    await client.DeleteAsync($"/v1/messages/{stored.Text("id")}", Ct);
                }
            }
        }

        async Task ReadAsync()
        {
            for (var i = 0; i < 120; i++)
            {
                var answer = await client.SearchAsync("shared lighthouse", ("top_k", 50), ("neighbors", 1), ("explain", true));
                Assert.Equal(answer.Items().Length, answer.Each("message_id").Distinct().Count());
            }
        }

        async Task KeepMergingAsync()
        {
            for (var i = 0; i < 10; i++)
            {
                await MergeAsync(server);
            }
        }

        await Task.WhenAll(WriteAsync(1), WriteAsync(2), WriteAsync(3), ReadAsync(), ReadAsync(), KeepMergingAsync());

        var warm = await AnswersAsync(client, Distinguishing);
        var found = await FindEachAsync(client);
        await server.DisposeAsync();
        await using var restarted = await TestApp.StartInAsync(_folder);
        Assert.Equal(warm, await AnswersAsync(restarted.As("acme"), Distinguishing));
        Assert.Equal(found, await FindEachAsync(restarted.As("acme")));
    }

    /// <summary>Each of the messages by words that it alone has.</summary>
    private static async Task<string> FindEachAsync(HttpClient client)
    {
        var found = new List<string>();
        for (var i = 0; i < 180; i++)
        {
            found.Add((await client.SearchAsync($"writer{1 + (i % 3)} item{i / 3}", ("mode", "lexical"), ("top_k", 1))).GetRawText());
        }

        return string.Join('\n', found);
    }

    private static async Task FillAsync(HttpClient client)
    {
        string[] words = ["garden", "tomatoes", "summer", "kettle", "bicycle", "river", "piano", "winter", "train", "window"];
        await client.StoreManyAsync(Enumerable.Range(0, 80).Select(i => Message(
            $"We talked about the {words[i % 10]} and the {words[i * 7 % 10]}, number {i}.",
            ("conversation_id", $"c{i / 9}"), ("external_id", $"e{i}"), ("name", i % 2 == 0 ? "Ada" : "Bob"), ("role", i % 2 == 0 ? "user" : "assistant"),
            ("metadata", new { parity = i % 2 }), ("created_at", string.Create(CultureInfo.InvariantCulture, $"2026-01-0{1 + (i / 9)}T00:00:00Z")))));
    }

    private static async Task ChangeAsync(HttpClient client)
    {
        for (var i = 0; i < 80; i += 13)
        {
            await client.StoreAsync($"Replaced words about the kettle, number {i}.", ("external_id", $"e{i}"), ("conversation_id", "c-changed"));
        }

        var list = await client.ReadAsync("/v1/conversations/c3/messages");
        if (list.Items().Length > 5)
        {
            Assert.Equal(HttpStatusCode.NoContent, (await client.DeleteAsync($"/v1/messages/{list.Each("id")[2]}", Ct)).StatusCode);
        }

        await client.SendAsync("PATCH", $"/v1/messages/{list.Each("id")[0]}", """{"importance_override":0.99}""");
    }

    private static async Task<string> AnswersAsync(HttpClient client, IReadOnlyList<string>? questions = null)
    {
        var answers = new List<string>();
        foreach (var question in questions ?? Questions)
        {
            foreach (var mode in (string[])["hybrid", "lexical", "semantic"])
            {
                var answer = await client.SearchAsync(question, ("mode", mode), ("top_k", 20), ("neighbors", 2), ("explain", true));
                answers.Add(answer.GetRawText());
            }

            var filtered = await client.SearchAsync(question, ("filter", new { parity = 1 }), ("role", "assistant"));
            answers.Add(filtered.GetRawText());
        }

        return string.Join('\n', answers);
    }

    private static Task MergeAsync(TestApp server) =>
        server.Services.GetRequiredService<IndexMerger>().MergeAsync(new Tenant("acme"), Ct);

    private async Task<string> FillMergedAsync()
    {
        await using var server = await TestApp.StartInAsync(_folder);
        await FillAsync(server.As("acme"));
        await MergeAsync(server);
        return await AnswersAsync(server.As("acme"));
    }
}
