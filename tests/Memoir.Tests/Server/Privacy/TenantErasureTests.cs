using System.Net;
using Memoir.Kit.Data;
using Memoir.Kit.Telemetry;
using Memoir.Server.Embeddings.Stored;
using Memoir.Server.Embeddings.Vectors;
using Memoir.Server.Recall.Indexes;
using Memoir.Tests.Testing;
using Microsoft.Extensions.DependencyInjection;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Privacy;

public sealed class TenantErasureTests
{
    private const string Canary = "canary5e81d0";

    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Theory, MemberData(nameof(Engines))]
    public async Task Nothing_of_a_tenant_is_left_but_its_audit_records_and_its_counter(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await FillAsync(server, "gone");
        await FillAsync(server, "stays");

        var erased = await server.WithKey(TestApp.OperatorKey).DeleteAsync("/v1/tenants/gone/data", Ct);

        Assert.Equal(HttpStatusCode.NoContent, erased.StatusCode);
        foreach (var (table, rows) in await CountAsync(server, "gone"))
        {
            Assert.True(rows == 0 || table is "audit_records" or "tenants" or "erasures", $"{table} still has {rows} rows");
        }

        Assert.Empty((await server.As("gone").SearchAsync(Canary)).Items());
        Assert.Empty((await server.As("gone").ReadAsync("/v1/conversations")).Items());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Vectors_of_every_generation_go_however_many_a_memory_has(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var vector = VectorCodec.Encode([1, 0, 0, 0]);
        await server.As("gone").StoreManyAsync(Enumerable.Range(0, 1000).Select(i => Message($"number {i}", ("tenant_id", "gone"))));
        await server.Services.GetRequiredService<Database>().WriteAsync(new Tenant("gone"), async session =>
        {
            for (var sequence = 1; sequence <= 1000; sequence++)
            {
                await EmbeddingStore.PutAsync(session, "kept", sequence, vector, change: 1);
                await EmbeddingStore.PutAsync(session, "in use", sequence, vector, change: 1);
            }
        }, Ct);

        await server.WithKey(TestApp.OperatorKey).DeleteAsync("/v1/tenants/gone/data", Ct);

        var rows = await CountAsync(server, "gone");
        Assert.Equal((0, 0), (rows["memories"], rows["embeddings"]));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Other_tenants_are_untouched(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await FillAsync(server, "gone");
        await FillAsync(server, "stays");
        var rows = await CountAsync(server, "stays");
        var found = await server.As("stays").SearchAsync("lighthouse", ("explain", true));

        await server.WithKey(TestApp.OperatorKey).DeleteAsync("/v1/tenants/gone/data", Ct);

        Assert.Equal(rows, await CountAsync(server, "stays"));
        Assert.Equal(found.GetRawText(), (await server.As("stays").SearchAsync("lighthouse", ("explain", true))).GetRawText());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task What_is_stored_holds_no_byte_of_it_after_a_checkpoint(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await FillAsync(server, "gone");
        Assert.True((await RawDatabase.StoredAsync(server)).Holds(Canary));

        await server.WithKey(TestApp.OperatorKey).DeleteAsync("/v1/tenants/gone/data", Ct);

        Assert.False((await RawDatabase.StoredAsync(server, isSettled: true)).Holds(Canary));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task The_keys_of_an_erased_tenant_open_nothing(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var member = await server.MemberAsync("gone");
        await member.GetAsync("/v1/conversations", Ct);

        await server.WithKey(TestApp.OperatorKey).DeleteAsync("/v1/tenants/gone/data", Ct);

        await (await member.GetAsync("/v1/conversations", Ct)).RefusedAsync(HttpStatusCode.Unauthorized, "unauthenticated");
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_merge_under_way_writes_nothing_back(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var merger = server.Services.GetRequiredService<IndexMerger>();

        for (var round = 0; round < 10; round++)
        {
            await FillAsync(server, "gone", merged: round % 2 == 0, withKey: false);
            await server.As("gone").SearchAsync("lighthouse");
            var merging = Task.Run(() => merger.MergeAsync(new Tenant("gone"), Ct), Ct);

            await server.WithKey(TestApp.OperatorKey).DeleteAsync("/v1/tenants/gone/data", Ct);
            await merging;

            var rows = await CountAsync(server, "gone");
            Assert.Equal(0, rows["index_segments"]);
            Assert.Equal(0, rows["index_changes"]);
            Assert.Empty((await server.As("gone").SearchAsync(Canary)).Items());
        }
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_picture_from_before_the_erasure_is_not_written_after_it(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await FillAsync(server, "gone", merged: false);
        await server.As("gone").SearchAsync("lighthouse");
        var database = server.Services.GetRequiredService<Database>();
        var tenant = new Tenant("gone");
        using var hold = new ManualResetEventSlim();
        using var held = new ManualResetEventSlim();

        // The writer is held while the merge asks for its state, so that this lands behind all that an erasure does.
        var holding = database.WriteAsync(tenant, session =>
        {
            held.Set();
            hold.Wait(Ct);
            return server.Services.GetRequiredService<RecallIndexes>().EraseAsync(session);
        }, Ct);
        held.Wait(Ct);
        var merging = server.Services.GetRequiredService<IndexMerger>().MergeAsync(tenant, Ct);
        var waiting = server.Services.GetRequiredService<Meters>();
        Assert.True(SpinWait.SpinUntil(() => waiting.WriteQueueDepth() > 0, TimeSpan.FromSeconds(30)), "the merge has read and wants to write");
        hold.Set();
        await holding;
        await merging;

        Assert.Equal(0, (await CountAsync(server, "gone"))["index_segments"]);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task An_erased_tenant_can_start_anew(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await FillAsync(server, "gone");
        await server.WithKey(TestApp.OperatorKey).DeleteAsync("/v1/tenants/gone/data", Ct);

        await FillAsync(server, "gone");

        Assert.NotEmpty((await server.As("gone").SearchAsync(Canary)).Items());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task An_erasure_is_audited_with_its_size(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await FillAsync(server, "gone");

        await server.WithKey(TestApp.OperatorKey).DeleteAsync("/v1/tenants/gone/data", Ct);

        var count = await server.Services.GetRequiredService<Database>().ReadAsync(new Tenant("gone"), session => session.ScalarAsync(
            "SELECT count FROM audit_records WHERE tenant_id = @Tenant AND action = 'tenant.erase' AND subject = 'gone'", new { }), Ct);
        Assert.Equal(30, count);
    }

    private static async Task FillAsync(TestApp server, string tenant, bool merged = true, bool withKey = true)
    {
        var client = server.As(tenant);
        client.DefaultRequestHeaders.Add("Idempotency-Key", "k" + tenant);
        await client.StoreManyAsync(Enumerable.Range(0, 30).Select(i => Message(
            $"{Canary} lighthouse {i}", ("tenant_id", tenant), ("external_id", $"{Canary}{i}"), ("user_id", Canary), ("name", Canary), ("source", Canary),
            ("conversation_id", $"{Canary}-c"), ("metadata", new { Canary }))));
        client.DefaultRequestHeaders.Remove("Idempotency-Key");
        if (withKey)
        {
            await server.MakeKeyAsync(tenant);
        }

        if (merged)
        {
            await server.Services.GetRequiredService<IndexMerger>().MergeAsync(new Tenant(tenant), Ct);
            await client.StoreAsync($"{Canary} replaced", ("tenant_id", tenant), ("external_id", $"{Canary}3"), ("conversation_id", $"{Canary}-c"));
        }

        await client.SearchAsync($"{Canary} lighthouse", ("user_id", Canary), ("conversation_id", Canary));
        await server.WriteSearchesAsync();
        await server.Services.GetRequiredService<Database>().WriteAsync(
            new Tenant(tenant), session => server.Services.GetRequiredService<Memoir.Kit.Jobs.JobQueue>().EnqueueAsync(session, "none", Canary), Ct);
    }

    private static async Task<Dictionary<string, long>> CountAsync(TestApp server, string tenant)
    {
        var database = server.Services.GetRequiredService<Database>();
        var counts = new Dictionary<string, long>();
        foreach (var table in await RawDatabase.TenantTablesAsync(database))
        {
            counts[table] = (await database.ReadAsync(
                new Tenant(tenant), session => session.ScalarAsync($"SELECT COUNT(*) FROM {table} WHERE tenant_id = @Tenant", new { }), Ct))!.Value;
        }

        return counts;
    }
}
