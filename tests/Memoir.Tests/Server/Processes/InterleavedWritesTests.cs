using Memoir.Kit.Data;
using Memoir.Server.Recall.Indexes;
using Memoir.Tests.Testing;
using Microsoft.Extensions.DependencyInjection;
using static Memoir.Tests.Server.Processes.TwoProcesses;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Processes;

/// <summary>Two processes write, change, delete, erase and merge in any order; whatever they did, an index read anew agrees with both.</summary>
public sealed class InterleavedWritesTests
{
    private static readonly string[] Words = ["garden", "tomatoes", "summer", "kettle", "bicycle", "river", "piano", "winter", "train", "window"];

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 1)]
    [InlineData(3, 4)]
    [InlineData(4, 4)]
    [InlineData(5, 12)]
    public async Task After_every_step_both_answer_as_an_index_that_was_just_read(int seed, int stepsBetween)
    {
        await using var both = await TwoProcesses.StartAsync(TestEngines.Current);
        var random = new Random(seed);
        var ids = new List<string>();
        var done = "";
        for (var step = 1; step <= 60; step++)
        {
            var process = random.Next(2) == 0 ? both.A : both.B;
            both.A.Time.Advance(TimeSpan.FromMinutes(1));
            done += $"{(process == both.A ? 'A' : 'B')}: {await StepAsync(both, process, random, ids, step)}, ";
            if (step % stepsBetween == 0)
            {
                await both.AssertCurrentAsync($"seed {seed}: {done}");
            }
            else if (random.Next(3) == 0)
            {
                await AnswersAsync(random.Next(2) == 0 ? both.A : both.B); // One of them knows more than the other.
            }
        }

        await both.AssertCurrentAsync($"seed {seed}: {done}");
    }

    [Fact]
    public async Task Writers_searchers_and_merges_of_both_at_the_same_time_lose_nothing()
    {
        await using var both = await TwoProcesses.StartAsync(TestEngines.Current);
        await both.WarmAsync("The kettle is on.");

        async Task WriteAsync(TestApp writer, TestApp reader, int number)
        {
            for (var i = 0; i < 25; i++)
            {
                var stored = await writer.As("acme").StoreAsync($"Writer{number} says item{i} by the river.", ("external_id", i % 3 == 0 ? $"{number}" : null));
                var found = await reader.As("acme").SearchAsync($"writer{number} item{i}", ("mode", "lexical"), ("top_k", 3));
                Assert.Contains(stored.Text("id"), found.Each("message_id"));
                if (i % 10 == 9)
                {
                    await reader.As("acme").DeleteAsync($"/v1/messages/{stored.Text("id")}", Ct);
                }
            }
        }

        async Task KeepMergingAsync(TestApp process)
        {
            for (var i = 0; i < 15; i++)
            {
                await MergeAsync(process);
            }
        }

        await Task.WhenAll(
            WriteAsync(both.A, both.B, 1), WriteAsync(both.B, both.A, 2), WriteAsync(both.A, both.A, 3),
            KeepMergingAsync(both.A), KeepMergingAsync(both.B));

        await both.AssertCurrentAsync("all of it");
        await AssertNoStraySegmentAsync(both);
    }

    [Fact]
    public async Task Of_two_merges_at_once_one_gives_way_and_takes_over_what_the_other_wrote()
    {
        await using var both = await TwoProcesses.StartAsync(TestEngines.Current);
        await both.WarmAsync("The kettle is on.", ("external_id", "e1"));
        await MergeAsync(both.A);
        for (var round = 0; round < 10; round++)
        {
            await both.A.As("acme").StoreAsync($"The garden, round {round}.");
            await both.B.As("acme").StoreAsync($"The kettle, round {round}.", ("external_id", "e1"));

            await Task.WhenAll(MergeAsync(both.A), MergeAsync(both.B));

            await MergeAsync(both.A);
            await MergeAsync(both.B);
            Assert.Equal((0, 0), (Loaded(both.A).TailCount, Loaded(both.B).TailCount));
            await both.AssertCurrentAsync($"round {round}");
        }

        await AssertNoStraySegmentAsync(both);
    }

    [Fact]
    public async Task A_merge_that_built_on_an_older_state_publishes_nothing()
    {
        await using var both = await TwoProcesses.StartAsync(TestEngines.Current);
        var database = both.A.Services.GetRequiredService<Database>();
        await both.WarmAsync("The kettle is on.", ("external_id", "e1"));
        await MergeAsync(both.A);
        var older = Loaded(both.A).State!;
        await both.A.As("acme").StoreAsync("The zeppelin has landed.", ("external_id", "e1"));
        await MergeAsync(both.A);

        var published = await database.WriteAsync(
            Acme, session => IndexStore.PublishAsync(session, older, mergedSequence: 1, [.. older.Segments, 1], settledChange: 0), Ct);

        Assert.Null(published);
        var stored = await database.ReadAsync(Acme, IndexStore.FindStateAsync, Ct);
        Assert.True(stored!.IsSame(Loaded(both.A).State));
        await both.AssertCurrentAsync("a merge that came too late");
    }

    [Fact]
    public async Task The_number_of_a_segment_is_never_used_again()
    {
        await using var both = await TwoProcesses.StartAsync(TestEngines.Current);
        var seen = new List<long>();
        foreach (var process in new[] { both.A, both.B, both.A })
        {
            await process.As("acme").StoreAsync("The kettle is on.");
            await MergeAsync(process);
            seen.AddRange(Loaded(process).State!.Segments);
            await EraseAsync(process); // Nothing that is stored tells any more which numbers there were; the clock stands still.
        }

        Assert.Equal(3, seen.Distinct().Count());
    }

    private static async Task<string> StepAsync(TwoProcesses both, TestApp process, Random random, List<string> ids, int step)
    {
        both.A.Time.Advance(TimeSpan.FromSeconds(1));
        var client = process.As("acme");
        var content = $"We talked about the {Words[random.Next(10)]} and the {Words[random.Next(10)]}, number {step}.";
        (string Name, object? Value)[] place = [("conversation_id", $"c{random.Next(3)}"), ("name", step % 2 == 0 ? "Ada" : "Bob")];
        switch (random.Next(20))
        {
            case < 6:
                ids.Add((await client.StoreAsync(content, place)).Text("id")!);
                return "store";
            case < 8:
                ids.AddRange((await client.StoreManyAsync(Enumerable.Range(0, 5).Select(i => Message($"{content} And {i}.", place)))).Each("id"));
                return "store five";
            case < 12:
                ids.Add((await client.StoreAsync(content, [.. place, ("external_id", $"e{random.Next(4)}")])).Text("id")!);
                return "store or replace";
            case < 14 when ids.Count > 0:
                await client.SendAsync("PATCH", $"/v1/messages/{ids[random.Next(ids.Count)]}", $$"""{"importance_override":0.9{{step}}}""");
                return "change";
            case < 16 when ids.Count > 0:
                await client.DeleteAsync($"/v1/messages/{ids[random.Next(ids.Count)]}", Ct);
                return "delete";
            case 16 when random.Next(3) == 0:
                await EraseAsync(process);
                ids.Clear();
                return "erase";
            case 17:
                await Task.WhenAll(MergeAsync(both.A), MergeAsync(both.B));
                return "merge both";
            default:
                await MergeAsync(process);
                return "merge";
        }
    }

    /// <summary>Every segment that is stored is in use: who gave way has cleaned up.</summary>
    private static async Task AssertNoStraySegmentAsync(TwoProcesses both)
    {
        var known = await both.A.Services.GetRequiredService<RecallIndexes>().RefreshAsync(Acme, Ct);
        var database = both.A.Services.GetRequiredService<Database>();
        var stored = await database.ReadAsync(Acme, session => session.QueryAsync<long>(
            "SELECT DISTINCT segment_id FROM index_segments WHERE tenant_id = @Tenant ORDER BY segment_id", new { }), Ct);

        Assert.Equal(known.State!.Segments.Order(), stored);
    }
}
