using System.IO.Compression;
using System.Text;
using Memoir.Kit.Data;
using Memoir.Server.Admin;
using Memoir.Server.Privacy.Erasure;
using Memoir.Tests.Testing;
using Microsoft.Extensions.DependencyInjection;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Privacy;

public sealed class ErasedFilesTests
{
    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Theory, MemberData(nameof(Engines))]
    public async Task After_the_deadline_no_file_holds_a_byte_of_the_subject(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await Subject.SpreadAsync(server, memories: 300);
        await AnalyseAsync(server);
        var receipt = await Subject.EraseAsync(server);

        await PassAsync(server, receipt);

        Assert.Empty(await RawFiles.FindAsync(server, Subject.Canary));
        var erasure = (await server.As("acme").ReadAsync("/v1/erasures")).Items().Single();
        Assert.True(erasure.GetProperty("files_rewritten_at").GetDateTimeOffset() <= receipt.GetProperty("files_clean_by").GetDateTimeOffset());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Before_the_files_are_written_anew_they_hold_it_so_the_search_sees(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, ("ErasureRewriteHours", "0"));
        await Subject.SpreadAsync(server, memories: 300);
        await AnalyseAsync(server);

        await PassAsync(server, await Subject.EraseAsync(server));

        Assert.NotEmpty(await RawFiles.FindAsync(server, Subject.Canary));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_segment_of_the_index_that_is_left_is_seen(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await Subject.SpreadAsync(server);
        var database = server.Services.GetRequiredService<Database>();
        List<byte[]> parts = [];
        await database.ReadAsync(Subject.Acme, async session =>
        {
            await session.ScanAsync("SELECT data FROM index_segments WHERE tenant_id = @Tenant", new { }, row => parts.Add(row.Bytes(0).ToArray()));
            return true;
        }, Ct);
        var receipt = await Subject.EraseAsync(server);
        await database.WriteAsync(Subject.Acme, session => session.ExecuteAsync(
            "INSERT INTO index_segments (tenant_id, segment_id, part, data) VALUES (@Tenant, 1, 0, @data)", new { data = parts[0] }), Ct);

        await PassAsync(server, receipt);

        Assert.NotEmpty(await RawFiles.FindAsync(server, Subject.Canary));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_whole_tenant_leaves_nothing_in_the_files_either(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await Subject.SpreadAsync(server, memories: 100);

        await server.WithKey(TestApp.OperatorKey).DeleteAsync("/v1/tenants/acme/data", Ct);

        await PassAsync(server, (await server.As("acme").ReadAsync("/v1/erasures")).Items().Single().GetProperty("receipt"));
        Assert.Empty(await RawFiles.FindAsync(server, Subject.Canary));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Every_table_is_written_anew_or_known_to_hold_nothing_of_a_subject(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);

        var tables = await RawDatabase.TenantTablesAsync(server.Services.GetRequiredService<Database>());

        Assert.Equal(tables.Order(StringComparer.Ordinal), ErasedFiles.All.Concat(ErasedFiles.Untouched).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void The_search_knows_every_spelling()
    {
        const string text = "zündel5e81d0";
        var utf8 = Encoding.UTF8.GetBytes(text);
        byte[][] places =
        [
            utf8, Encoding.Unicode.GetBytes(text), Encoding.BigEndianUnicode.GetBytes(text), "z\\u00FCndel5e81d0"u8.ToArray(),
            .. Enumerable.Range(0, 3).Select(shift => Encoding.ASCII.GetBytes(Convert.ToBase64String([.. new byte[shift], .. utf8, .. new byte[5]]))),
        ];

        Assert.All(places, place => Assert.Contains(RawFiles.Spellings(text), spelling => place.AsSpan().IndexOf(spelling.Bytes) >= 0));
    }

    [Fact]
    public async Task The_search_looks_into_packed_files()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        await using (var gzip = new GZipStream(File.Create(Path.Combine(server.Folder, "a.gz")), CompressionLevel.Optimal))
        {
            await gzip.WriteAsync(Encoding.UTF8.GetBytes($"{new string('x', 500)}{Subject.Canary}{new string('x', 500)}"), Ct);
        }

        await using (var brotli = new BrotliStream(File.Create(Path.Combine(server.Folder, "a.br")), CompressionLevel.Optimal))
        {
            await brotli.WriteAsync(Encoding.UTF8.GetBytes($"{new string('x', 500)}{Subject.Canary}{new string('x', 500)}"), Ct);
        }

        Assert.Equal(["a.br: UTF-8", "a.gz: UTF-8"], (await RawFiles.FindAsync(server, Subject.Canary)).Order(StringComparer.Ordinal));
    }

    /// <summary>Lets the time pass until the deadline, with what runs every minute.</summary>
    private static async Task PassAsync(TestApp server, System.Text.Json.JsonElement receipt)
    {
        await NobodyRemembersAsync(server);
        var left = receipt.GetProperty("completed_at").GetDateTimeOffset() + TimeSpan.FromHours(24) - server.Time.GetUtcNow();
        for (var hour = 0; hour < 23; hour++)
        {
            server.Time.Advance(left / 23.5);
            if (TestEngines.Current == TestEngine.Postgres)
            {
                await ActivatorUtilities.CreateInstance<ErasureUpkeep>(server.Services).RunAsync(Ct); // Its schedule goes by the server's own clock.
            }
            else
            {
                await server.Services.GetRequiredService<Expiry>().RunAsync(Ct);
            }
        }

    }

    /// <summary>
    /// On a server with other databases, a write in any of them that began before the erasure keeps its rows alive. Half a day
    /// later none is left; here they are waited for.
    /// </summary>
    private static async Task NobodyRemembersAsync(TestApp server)
    {
        if (TestEngines.Current == TestEngine.Postgres)
        {
            var superuser = PostgresServer.SuperuserUrlOf(PostgresServer.DatabaseIn(server.Folder));
            var now = (DateTime)(await PostgresServer.AskAsync(superuser, "SELECT clock_timestamp()"))!;
            var older = FormattableString.Invariant($"SELECT COUNT(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND xact_start < '{now:O}' AND (backend_xid IS NOT NULL OR backend_xmin IS NOT NULL)");
            while ((long)(await PostgresServer.AskAsync(superuser, older))! > 0)
            {
                await Task.Yield();
            }
        }
    }

    /// <summary>As the server does by itself now and then: its statistics keep samples of what is in the columns.</summary>
    private static async Task AnalyseAsync(TestApp server)
    {
        if (TestEngines.Current == TestEngine.Postgres)
        {
            await PostgresServer.AskAsync(PostgresServer.SuperuserUrlOf(PostgresServer.DatabaseIn(server.Folder)), "ANALYZE");
        }
    }
}
