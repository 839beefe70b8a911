using System.Net;
using System.Text.Json;
using Memoir.Server.Backups.Rows;
using Memoir.Server.Privacy.Exchange;
using Memoir.Tests.Testing;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Privacy;

public sealed class ImportExportTests
{
    private const string Import = "/v1/admin/import";

    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Theory, MemberData(nameof(Engines))]
    public async Task An_export_comes_back_without_loss(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await using var empty = await TestApp.StartAsync(engine);
        await Subject.SpreadAsync(server, memories: 300);
        await FillEveryColumnAsync(server);
        await server.As("acme").StoreAsync("A zeppelin has landed.", ("user_id", "bob"));
        await server.As("acme").SearchAsync("zeppelin", ("user_id", "bob"));
        await server.As("acme").SearchAsync("what nobody said", ("conversation_id", "c9"));
        await server.WriteSearchesAsync();
        var exported = await server.As("acme").GetStringAsync("/v1/tenants/acme/export", Ct);
        empty.Time.Advance(TimeSpan.FromHours(1));

        var report = await (await empty.As("elsewhere").PostAsync(Import, exported)).JsonAsync(HttpStatusCode.OK);

        Assert.Equal((603, 0, true), (report.GetProperty("imported").GetInt32(), report.GetProperty("refused").GetInt32(), report.GetProperty("complete").GetBoolean()));
        Assert.Equal(2, report.GetProperty("searches").GetInt32());
        var again = await empty.As("elsewhere").GetStringAsync("/v1/tenants/elsewhere/export", Ct);
        Assert.Equal(Comparable(exported), Comparable(again));
        Assert.Equal(
            (await server.As("acme").SearchAsync("zeppelin", ("mode", "lexical"))).Each("message_id"), (await empty.As("elsewhere").SearchAsync("zeppelin", ("mode", "lexical"))).Each("message_id"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Importing_twice_changes_nothing_and_what_says_something_else_is_refused(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await Subject.SpreadAsync(server);
        var exported = await server.As("acme").GetStringAsync("/v1/tenants/acme/export", Ct);
        var before = await RawDatabase.StateAsync(server, "acme");

        var same = await (await server.As("acme").PostAsync(Import, exported)).JsonAsync(HttpStatusCode.OK);
        Assert.Equal(before, await RawDatabase.StateAsync(server, "acme"));
        await server.As("acme").StoreAsync("Bob sells a yacht.", ("external_id", "bob-5"), ("user_id", "bob"));
        var other = await (await server.As("acme").PostAsync(Import, exported)).JsonAsync(HttpStatusCode.OK);

        Assert.Equal((0, 26, 0), (same.GetProperty("imported").GetInt32(), same.GetProperty("unchanged").GetInt32(), same.GetProperty("refused").GetInt32()));
        Assert.Equal((25, 1), (other.GetProperty("unchanged").GetInt32(), other.GetProperty("refused").GetInt32()));
        Assert.StartsWith("id: is there already", other.GetProperty("errors")[0].Text("reason"), StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Recorded_searches_come_back_once_and_none_of_whom_was_erased_since(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await Subject.SpreadAsync(server);
        await server.As("acme").SearchAsync("what does Ann fear", ("user_id", Subject.Canary));
        await server.As("acme").SearchAsync("yacht", ("user_id", "bob"));
        await server.WriteSearchesAsync();
        var exported = await server.As("acme").GetStringAsync("/v1/tenants/acme/export", Ct);
        var own = await server.As("acme").GetStringAsync(Subject.Export, Ct);

        var again = await (await server.As("acme").PostAsync(Import, exported)).JsonAsync(HttpStatusCode.OK);
        server.Time.Advance(TimeSpan.FromSeconds(1));
        await Subject.EraseAsync(server);
        var late = await (await server.As("acme").PostAsync(Import, exported)).JsonAsync(HttpStatusCode.OK);
        var stranger = await (await server.As("empty").PostAsync(Import, SearchesAlone(exported))).JsonAsync(HttpStatusCode.OK);

        Assert.Equal(["what does Ann fear"], Queries(own));
        Assert.Equal((0, 0), (again.GetProperty("searches").GetInt32(), again.GetProperty("refused").GetInt32()));
        Assert.Equal((0, 13 + 1 + 2), (late.GetProperty("searches").GetInt32(), late.GetProperty("refused").GetInt32())); // Its memories, its search, and what was made from them.
        Assert.Equal((0, 3), (stranger.GetProperty("searches").GetInt32(), stranger.GetProperty("refused").GetInt32())); // The end does not fit either.
        Assert.Equal(["yacht"], Queries(await server.As("acme").GetStringAsync("/v1/tenants/acme/export", Ct)));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task What_was_erased_since_does_not_come_back(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await Subject.SpreadAsync(server);
        var exported = await server.As("acme").GetStringAsync(Subject.Export, Ct);
        server.Time.Advance(TimeSpan.FromSeconds(1));
        await Subject.EraseAsync(server);

        var report = await (await server.As("acme").PostAsync(Import, exported)).JsonAsync(HttpStatusCode.OK);

        Assert.Equal((0, 13), (report.GetProperty("imported").GetInt32(), report.GetProperty("refused").GetInt32()));
        Assert.DoesNotContain(Subject.Canary, await RawDatabase.StateAsync(server, "acme"), StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task What_was_made_from_it_does_not_come_back_either(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await Subject.SpreadAsync(server);
        var exported = await server.As("acme").GetStringAsync("/v1/tenants/acme/export", Ct);
        server.Time.Advance(TimeSpan.FromSeconds(1));
        await Subject.EraseAsync(server);

        var report = await (await server.As("acme").PostAsync(Import, exported)).JsonAsync(HttpStatusCode.OK);

        var reasons = report.GetProperty("errors").EnumerateArray().Select(error => error.GetProperty("reason").GetString()).ToList();
        Assert.Equal(2, reasons.Count(reason => reason == "was made from what was erased since")); // One of the subject's, one of that one.
        Assert.DoesNotContain(Subject.Canary, await RawDatabase.StateAsync(server, "acme"), StringComparison.Ordinal);
    }

    [Fact]
    public void Every_column_leaves_and_comes_back()
    {
        // What the copy lists is held against the schemas of both engines.
        static string[] Columns(string table) => [.. CopiedTables.All.Single(copied => copied.Name == table).Columns];
        static string[] Members<T>() => [.. typeof(T).GetProperties().Select(member => JsonNamingPolicy.SnakeCaseLower.ConvertName(member.Name))];
        string[] assignedAnew = ["sequence", "embedding_status", "archive_file", "content_hash"];

        Assert.Equal(Columns("memories").Order(), Members<ExchangedMemory>().Order());
        Assert.Equal(
            Columns("memories").Except(assignedAnew).Order(),
            Members<MemoryLine>().Except(["line"]).Select(member => member == "created_at" ? "occurred_at" : member).Order());
        Assert.Equal(Columns("memory_versions").Order(), Members<ExchangedVersion>().Order());
        Assert.Equal(Columns("memory_versions").Order(), Members<VersionLine>().Except(["line", "periods"]).Order());
        Assert.Equal(
            Columns("memory_periods").Except(["sequence", "memory_id", "version", "type", "user_id", "scope", "expires_at", "doubted"]).Order(), // Of its version.
            Members<ExchangedPeriod>().Order());
        Assert.Equal(Columns("search_log").Order(), Members<SearchLine>().Except(["line"]).Order());
    }

    [Fact]
    public async Task A_bad_line_is_refused_alone_and_line_ends_and_empty_lines_do_not_matter()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        await Subject.SpreadAsync(server);
        var lines = (await server.As("acme").GetStringAsync("/v1/tenants/acme/export", Ct)).TrimEnd('\n').Split('\n').ToList();
        var untouched = string.Join("\r\n\r\n  \r\n", lines) + "\r\n";
        var second = lines.FindLastIndex(line => line.Contains("bob-4", StringComparison.Ordinal));
        lines[second] = lines[second].Replace("\"type\":\"message\"", "\"type\":7", StringComparison.Ordinal);
        lines.Insert(second + 1, "{\"line\":\"memory\",\"surprise\":1}");
        lines.Insert(second + 2, "not json");
        lines.Insert(second + 3, "{\"line\":\"who\"}");
        lines.Insert(second + 4, "{\"line\":\"version\",\"memory_id\":\"01900000-0000-7000-8000-000000000000\",\"version\":1,\"action\":\"patch\",\"actor\":\"x\",\"at\":\"2026-01-01T00:00:00Z\",\"snapshot\":{}}");

        var whole = await (await server.As("two").PostAsync(Import, "\uFEFF" + untouched)).JsonAsync(HttpStatusCode.OK);
        var bad = await (await server.As("three").PostAsync(Import, string.Join('\n', lines))).JsonAsync(HttpStatusCode.OK);

        Assert.Equal((26, true), (whole.GetProperty("imported").GetInt32(), whole.GetProperty("complete").GetBoolean()));
        Assert.False(bad.GetProperty("complete").GetBoolean());
        int[] numbers = [.. bad.GetProperty("errors").EnumerateArray().Select(error => error.GetProperty("line").GetInt32())];
        Assert.Equal([second + 1, second + 2, second + 3, second + 4, second + 5, lines.Count], numbers);
        Assert.Equal(25, bad.GetProperty("imported").GetInt32());
    }

    [Fact]
    public async Task Versions_out_of_order_and_those_of_whom_was_erased_since_are_left_out()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        await server.As("acme").StoreAsync("Ann said this.", ("external_id", "e"), ("user_id", "ann"));
        await server.As("acme").StoreAsync("Bob said this.", ("external_id", "e"), ("user_id", "bob"));
        await server.As("acme").StoreAsync("Bob said that.", ("external_id", "e"), ("user_id", "bob"));
        var lines = (await server.As("acme").GetStringAsync("/v1/tenants/acme/export", Ct)).TrimEnd('\n').Split('\n').ToList();
        var first = lines.FindIndex(line => line.StartsWith("{\"line\":\"version\"", StringComparison.Ordinal));
        string[] twice = [.. lines[..(first + 1)], lines[first], .. lines[(first + 1)..]];

        var report = await (await server.As("other").PostAsync(Import, string.Join('\n', twice))).JsonAsync(HttpStatusCode.OK);
        server.Time.Advance(TimeSpan.FromSeconds(1));
        (await server.As("third").DeleteAsync("/v1/users/ann/data", Ct)).EnsureSuccessStatusCode();
        var without = await (await server.As("third").PostAsync(Import, string.Join('\n', lines))).JsonAsync(HttpStatusCode.OK);

        Assert.Equal((1, 2), (report.GetProperty("imported").GetInt32(), report.GetProperty("versions").GetInt32()));
        Assert.StartsWith("version: must be greater", report.GetProperty("errors")[0].Text("reason"), StringComparison.Ordinal);
        Assert.Equal((1, 1), (without.GetProperty("imported").GetInt32(), without.GetProperty("versions").GetInt32()));
        Assert.DoesNotContain("Ann said", await RawDatabase.StateAsync(server, "third"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_that_was_cut_short_or_changed_is_not_complete()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        await Subject.SpreadAsync(server);
        var exported = await server.As("acme").GetStringAsync("/v1/tenants/acme/export", Ct);

        var cut = await (await server.As("two").PostAsync(Import, exported[..exported.LastIndexOf("{\"line\":\"end\"", StringComparison.Ordinal)])).JsonAsync(HttpStatusCode.OK);
        var changed = await (await server.As("three").PostAsync(Import, exported.Replace("sells", "steals", StringComparison.Ordinal))).JsonAsync(HttpStatusCode.OK);

        Assert.Equal((false, false), (cut.GetProperty("complete").GetBoolean(), changed.GetProperty("complete").GetBoolean()));
        Assert.Equal((26, 26), (cut.GetProperty("imported").GetInt32(), changed.GetProperty("imported").GetInt32()));
    }

    [Fact]
    public async Task What_is_no_export_is_refused()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var client = server.As("acme");

        await (await client.PostAsync(Import, "{\"tenant_id\":\"acme\"}\n")).RefusedAsync(HttpStatusCode.BadRequest, "invalid-body");
        await (await client.PostAsync(Import, "{\"line\":\"header\",\"format\":\"memoir-export\",\"version\":2,\"tenant_id\":\"a\",\"user_id\":null,\"exported_at\":\"2026-01-01T00:00:00Z\"}\n")).RefusedAsync(HttpStatusCode.BadRequest, "invalid-body");
        await (await client.SendAsync("POST", Import, "{}")).RefusedAsync(HttpStatusCode.UnsupportedMediaType, "unsupported-media-type");
        await (await client.PostAsync(Import, new string('x', 5_000_000))).RefusedAsync(HttpStatusCode.RequestEntityTooLarge, "payload-too-large");
        await (await (await server.MemberAsync("acme", "admin", "memory:write")).PostAsync(Import, "")).RefusedAsync(HttpStatusCode.Forbidden, "insufficient-scope");
    }

    private static string[] Queries(string export) =>
        [.. export.TrimEnd('\n').Split('\n').Select(line => Parse(line)).Where(line => line.Text("line") == "search").Select(line => line.Text("query")!)];

    private static string SearchesAlone(string export) =>
        string.Join('\n', export.Split('\n').Where(line => !line.StartsWith("{\"line\":\"memory\"", StringComparison.Ordinal) && !line.StartsWith("{\"line\":\"version\"", StringComparison.Ordinal)));

    /// <summary>Without what has to differ: the header's tenant and time, and with them the checksum.</summary>
    private static string[] Comparable(string export) => [.. export.TrimEnd('\n').Split('\n')
        .Where(line => !line.StartsWith("{\"line\":\"header\"", StringComparison.Ordinal))
        .Select(line => line.StartsWith("{\"line\":\"end\"", StringComparison.Ordinal) ? line[..line.IndexOf(",\"sha256\"", StringComparison.Ordinal)] : line)];

    /// <summary>Values that no door writes yet.</summary>
    private static async Task FillEveryColumnAsync(TestApp server)
    {
        foreach (var (column, value) in ((string, string)[])
            [
                ("key", "'drink'"), ("value", "'{\"a\": 1}'"), ("tags", "'[\"a\"]'"), ("valid_from", "1700000000000001"), ("valid_until", "1800000000000002"),
                ("expires_at", "1900000000000003"), ("archived_at", "1750000000000004"), ("importance_override", "0.123456789"), ("scope", "'shared'"), ("user_id", "NULL"),
                ("superseded_by", TestEngines.Current == TestEngine.Postgres ? "'01900000-0000-7000-8000-000000000000'" : "x'01900000000070008000000000000000'"),
            ])
        {
            await RawDatabase.RunAsync(server.Folder, "acme", $"UPDATE memories SET {column} = {value} WHERE external_id = 'bob-7'");
        }
    }
}
