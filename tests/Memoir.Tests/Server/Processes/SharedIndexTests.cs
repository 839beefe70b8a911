using Memoir.Kit.Data;
using Memoir.Server.Recall.Indexes;
using Memoir.Server.Tenants;
using Memoir.Tests.Testing;
using Microsoft.Extensions.DependencyInjection;
using static Memoir.Tests.Server.Processes.TwoProcesses;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Processes;

/// <summary>What one process wrote is found by the other: each has its own index in memory, and the same rows.</summary>
public sealed class SharedIndexTests
{
    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Theory, MemberData(nameof(Engines))]
    public async Task What_one_process_stores_the_other_finds_at_once(TestEngine engine)
    {
        await using var both = await TwoProcesses.StartAsync(engine);
        await both.WarmAsync("The kettle is on.");

        foreach (var (writer, reader, word) in new[] { (both.A, both.B, "zeppelin"), (both.B, both.A, "bicycle"), (both.A, both.B, "tomatoes") })
        {
            var stored = await writer.As("acme").StoreAsync($"A {word} came by.");

            Assert.Equal(stored.Text("id"), (await reader.As("acme").SearchAsync(word, ("mode", "lexical"))).Each("message_id")[0]);
            Assert.Contains(stored.Text("id"), (await reader.As("acme").SearchAsync(word, ("mode", "semantic"))).Each("message_id"));
        }
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_replaced_message_is_found_by_its_new_words_alone(TestEngine engine)
    {
        await using var both = await TwoProcesses.StartAsync(engine);
        await both.WarmAsync("The kettle is on.", ("external_id", "e1"));

        await both.A.As("acme").StoreAsync("The zeppelin has landed.", ("external_id", "e1"));

        var reader = both.B.As("acme");
        Assert.Empty((await reader.SearchAsync("kettle", ("mode", "lexical"))).Items());
        Assert.Single((await reader.SearchAsync("zeppelin", ("mode", "lexical"))).Items());
        await both.AssertCurrentAsync("a replacement");
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_changed_message_is_filtered_by_what_it_says_now(TestEngine engine)
    {
        await using var both = await TwoProcesses.StartAsync(engine);
        var stored = await both.WarmAsync("The kettle is on.", ("metadata", new { room = "kitchen" }));

        await both.A.As("acme").SendAsync("PATCH", $"/v1/messages/{stored.Text("id")}", """{"metadata":{"room":"garden"}}""");

        var reader = both.B.As("acme");
        Assert.Single((await reader.SearchAsync("kettle", ("filter", new { room = "garden" }))).Items());
        Assert.Empty((await reader.SearchAsync("kettle", ("filter", new { room = "kitchen" }))).Items());
        await both.AssertCurrentAsync("a change");
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_deleted_message_counts_for_nothing_any_more(TestEngine engine)
    {
        await using var both = await TwoProcesses.StartAsync(engine);
        var stored = await both.WarmAsync("The kettle is on.");
        await both.A.As("acme").StoreAsync("The garden has a kettle.");
        await both.B.As("acme").SearchAsync("kettle");

        await both.A.As("acme").DeleteAsync($"/v1/messages/{stored.Text("id")}", Ct);

        Assert.Single((await both.B.As("acme").SearchAsync("kettle", ("mode", "lexical"))).Items());
        Assert.Equal(1, Loaded(both.B).Lexical.LiveCount); // Not only its row is missing: it lifts nothing and is not counted among the words.
        await both.AssertCurrentAsync("a deletion");
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task An_erased_tenant_that_starts_anew_is_new_to_both(TestEngine engine)
    {
        await using var both = await TwoProcesses.StartAsync(engine);
        await both.WarmAsync("The kettle is on.");
        await MergeAsync(both.A);

        await EraseAsync(both.A);
        await both.A.As("acme").StoreAsync("A kettle of another time.");

        var found = await both.B.As("acme").SearchAsync("kettle", ("mode", "lexical"));
        Assert.Equal(["A kettle of another time."], found.Each("content"));
        Assert.Equal(1, Loaded(both.B).Lexical.LiveCount);
        await both.AssertCurrentAsync("an erasure");
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Writes_behind_a_gap_wait_for_what_is_in_the_gap(TestEngine engine)
    {
        await using var both = await TwoProcesses.StartAsync(engine);
        await both.WarmAsync("The kettle is on.", ("external_id", "e1"));

        await both.A.As("acme").StoreAsync("The garden is green.");
        await both.A.As("acme").StoreAsync("The kettle is off.", ("external_id", "e1"));
        await both.B.As("acme").StoreAsync("The river is high.");

        Assert.Equal(1, Loaded(both.B).Lexical.LiveCount); // Its own write came after two that it has not seen.
        await both.AssertCurrentAsync("a gap");
        Assert.Equal(3, Loaded(both.B).Lexical.LiveCount);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_process_that_nobody_asks_follows_the_others(TestEngine engine)
    {
        await using var both = await TwoProcesses.StartAsync(engine);
        await both.WarmAsync("The kettle is on.");
        await both.A.As("acme").StoreAsync("The garden is green.");
        var behind = Loaded(both.B).Applied.LastChange;

        await both.B.Services.GetRequiredService<IndexFollower>().FollowAsync(Ct);

        Assert.Equal(behind + 1, Loaded(both.B).Applied.LastChange);
        Assert.Equal(2, Loaded(both.B).Lexical.LiveCount);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task What_is_contained_already_is_not_put_again(TestEngine engine)
    {
        await using var both = await TwoProcesses.StartAsync(engine);
        await both.WarmAsync("The kettle is on.", ("external_id", "e1"));
        var (index, loader) = (Loaded(both.B), both.B.Services.GetRequiredService<IndexLoader>());
        await both.A.As("acme").StoreAsync("The garden is green.");
        await both.A.As("acme").StoreAsync("The kettle is off.", ("external_id", "e1"));
        var first = await loader.ReadDeltaAsync(Acme, index, Ct);
        await both.A.As("acme").StoreAsync("The river is high.");
        var longer = await loader.ReadDeltaAsync(Acme, index, Ct);

        Assert.True(index.Apply(first!));
        Assert.True(index.Apply(longer!));
        Assert.True(index.Apply(first!));

        Assert.Equal((3, 1), (index.Lexical.LiveCount, index.Lexical.DeadCount)); // Only the replaced one was put twice.
        await both.AssertCurrentAsync("two deltas that overlap");
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Whoever_is_far_behind_reads_the_segments_again(TestEngine engine)
    {
        await using var both = await TwoProcesses.StartAsync(engine);
        await both.WarmAsync("The kettle is on.", ("external_id", "e1"));
        await MergeAsync(both.A);
        var before = Loaded(both.B);
        await both.A.As("acme").StoreAsync("The zeppelin has landed.", ("external_id", "e1"));
        await MergeAsync(both.A); // From now on no row tells B that the memory changed.

        Assert.Empty((await both.B.As("acme").SearchAsync("kettle", ("mode", "lexical"))).Items());

        Assert.NotSame(before, Loaded(both.B));
        await both.AssertCurrentAsync("a settled change");
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task The_counters_never_fall_and_each_write_has_a_number_of_its_own(TestEngine engine)
    {
        await using var both = await TwoProcesses.StartAsync(engine);
        var database = both.A.Services.GetRequiredService<Database>();
        Task<TenantCounters> CountersAsync() => database.ReadAsync(Acme, TenantCounters.FindAsync, Ct);
        await both.WarmAsync("The kettle is on.");
        var first = await CountersAsync();

        await Task.WhenAll(Enumerable.Range(0, 20).Select(i => (i % 2 == 0 ? both.A : both.B).As("acme").StoreAsync($"The garden, number {i}.")));
        var stored = await CountersAsync();
        await EraseAsync(both.B);
        var erased = await CountersAsync();

        Assert.Equal((first.LastSequence + 20, first.LastChange + 20, first.Epoch), (stored.LastSequence, stored.LastChange, stored.Epoch));
        Assert.True(erased.Epoch > stored.Epoch);
        Assert.Equal((stored.LastSequence, stored.LastChange), (erased.LastSequence, erased.LastChange));
    }
}
