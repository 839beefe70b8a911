using System.Globalization;
using System.Net;
using System.Text;
using Memoir.Kit.Data;
using Memoir.Server.Analytics;
using Memoir.Server.Recall;
using Memoir.Tests.Testing;
using Microsoft.Extensions.DependencyInjection;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Analytics;

public sealed class SearchLogTests
{
    private const string Count = "SELECT COUNT(*) FROM search_log";

    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Theory, MemberData(nameof(Engines))]
    public async Task A_search_writes_nothing_and_is_recorded_later(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await server.As("acme").StoreAsync("a puppy named Biscuit");
        var commits = await CommitsAsync(server);

        await server.As("acme").SearchAsync("puppy", ("user_id", "ann"), ("conversation_id", "c1"));
        await server.As("acme").SearchAsync("puppy");

        Assert.Equal(commits, await CommitsAsync(server));
        Assert.Equal(0, await RowsAsync(server, "acme"));
        await FlushAsync(server);
        Assert.Equal(2, await RowsAsync(server, "acme"));
        Assert.Equal(1, await RowsAsync(server, "acme", "user_id = 'ann' AND conversation_id = 'c1' AND query = 'puppy' AND hits = 0 AND degraded = 0 AND milliseconds > 0"));
        Assert.Equal(1, await RowsAsync(server, "acme", "user_id IS NULL AND hits = 1"));
        Assert.Equal(server.Time.GetUtcNow().ToMicroseconds(), await RawDatabase.CountAsync(server, "acme", "SELECT MAX(at) FROM search_log WHERE tenant_id = 'acme'"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task What_waits_is_written_when_the_process_stops(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await server.As("acme").StoreAsync("a puppy");
        await server.As("acme").SearchAsync("puppy");

        await server.Services.GetRequiredService<SearchLogWriter>().StopAsync(Ct);

        Assert.Equal(1, await RowsAsync(server, "acme"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_batch_that_is_written_again_is_there_once(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await server.As("acme").StoreAsync("a puppy");
        await server.As("acme").SearchAsync("puppy");
        var log = server.Services.GetRequiredService<SearchLog>();
        var taken = log.Take();

        for (var i = 0; i < 2; i++)
        {
            log.PutBack(taken);
            await FlushAsync(server);
        }

        Assert.Equal(1, await RowsAsync(server, "acme"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_long_question_is_cut_between_characters(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await server.As("acme").StoreAsync("a puppy");
        await server.As("acme").SearchAsync(string.Concat(Enumerable.Repeat("\U0001F98A", 300)));

        await FlushAsync(server);

        var query = (string)(await RawDatabase.RunAsync(server.Folder, "acme", "SELECT query FROM search_log WHERE tenant_id = 'acme'"))!;
        Assert.Equal(200, query.EnumerateRunes().Count());
        Assert.All(query.EnumerateRunes(), rune => Assert.Equal(new Rune(0x1F98A), rune));
    }

    [Fact]
    public async Task What_has_no_room_is_dropped_and_counted()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var log = server.Services.GetRequiredService<SearchLog>();

        for (var i = 0; i < SearchLog.MostWaiting + 5; i++)
        {
            log.Add(new Tenant("acme"), new RecallQuestion("q"), "hybrid", new RecallAnswer([], null, false), TimeSpan.FromMilliseconds(1));
        }

        Assert.Equal(SearchLog.MostWaiting, log.Take().Count);
        Assert.Contains("\nsearch_log_dropped_total 5\n", await MetricsAsync(server), StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task What_cannot_be_written_waits_for_five_minutes(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var log = server.Services.GetRequiredService<SearchLog>();
        await server.As("acme").StoreAsync("a puppy");
        await server.As("acme").SearchAsync("puppy");
        server.Services.GetRequiredService<Database>().Dispose();

        await FlushAsync(server);
        var waiting = log.Take();
        log.PutBack(waiting);
        server.Time.Advance(SearchLog.LongestWait + TimeSpan.FromSeconds(1));
        await FlushAsync(server);

        Assert.Single(waiting);
        Assert.Empty(log.Take());
        Assert.Contains("Searches could not be written down", server.Log.Text, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_tenant_that_stored_nothing_has_no_records(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await server.As("typo").SearchAsync("puppy");

        await FlushAsync(server);

        Assert.Equal(0, await RowsAsync(server, "typo"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Records_are_kept_thirty_days_and_no_longer(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await server.As("acme").StoreAsync("a puppy");
        await server.As("acme").SearchAsync("old");
        await FlushAsync(server);
        server.Time.Advance(TimeSpan.FromHours(2));
        await server.As("acme").SearchAsync("young");
        await FlushAsync(server);
        server.Time.Advance(TimeSpan.FromDays(30) - TimeSpan.FromHours(1));

        await server.Services.GetRequiredService<SearchLogExpiry>().RunAsync(Ct);

        Assert.Equal(1, await RowsAsync(server, "acme"));
        Assert.Equal(1, await RowsAsync(server, "acme", "query = 'young'"));
    }

    [Theory]
    [InlineData("off")]
    [InlineData("0")]
    public async Task Switched_off_nothing_is_recorded_and_what_was_is_forgotten(string setting)
    {
        var folder = Directory.CreateTempSubdirectory("memoir").FullName;
        await using (var before = await TestApp.StartInAsync(folder))
        {
            await before.As("acme").StoreAsync("a puppy");
            await before.As("acme").SearchAsync("puppy");
            await FlushAsync(before);
            Assert.Equal(1, await RowsAsync(before, "acme"));
        }

        await using var server = await TestApp.StartInAsync(folder, ("SearchLogDays", setting));
        server.Time.Advance(TimeSpan.FromSeconds(1));
        await server.As("acme").SearchAsync("puppy");
        await FlushAsync(server);
        await server.Services.GetRequiredService<SearchLogExpiry>().RunAsync(Ct);

        Assert.Equal(0, await RowsAsync(server, "acme"));
        var searches = (await server.As("acme").ReadAsync("/v1/admin/analytics")).GetProperty("searches");
        Assert.False(searches.GetProperty("recorded").GetBoolean());
        Assert.Equal(0, searches.Number("days_kept"));
    }

    [Theory]
    [InlineData("-1")]
    [InlineData("3651")]
    [InlineData("monthly")]
    public async Task A_wrong_number_of_days_stops_the_start(string days)
    {
        var folder = Directory.CreateTempSubdirectory("memoir").FullName;

        var ending = await ServerProcess.RefuseAsync(folder, ("MEMORY_SEARCH_LOG_DAYS", days));

        Assert.Equal(78, ending.Code);
        Assert.Equal("memoir: MEMORY_SEARCH_LOG_DAYS: must be a number of days from 1 to 3650, or off. Example: MEMORY_SEARCH_LOG_DAYS=30", Assert.Single(ending.ErrorLines));
        Directory.Delete(folder, recursive: true);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task An_erased_tenants_searches_do_not_come_back_from_another_process(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await using var beside = TestApp.StartBeside(server);
        await server.As("gone").StoreAsync("a puppy", ("tenant_id", "gone"));
        await beside.As("gone").SearchAsync("canary");
        await server.As("gone").SearchAsync("written");
        await FlushAsync(server);

        var erased = await server.WithKey(TestApp.OperatorKey).DeleteAsync("/v1/tenants/gone/data", Ct);
        await FlushAsync(beside);

        Assert.Equal(HttpStatusCode.NoContent, erased.StatusCode);
        Assert.Equal(0, await RowsAsync(server, "gone"));
        server.Time.Advance(TimeSpan.FromMinutes(2));
        await beside.As("gone").SearchAsync("anew");
        await FlushAsync(beside);
        Assert.Equal(1, await RowsAsync(server, "gone"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_users_searches_are_erased_wherever_they_are(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await using var beside = TestApp.StartBeside(server);
        await server.As("acme").StoreAsync("a puppy");
        await server.As("acme").SearchAsync("canary", ("user_id", "ann"));
        await server.As("acme").SearchAsync("canary", ("user_id", "ben"));
        await FlushAsync(server);
        await beside.As("acme").SearchAsync("canary", ("user_id", "ann"));

        var gone = await server.Services.GetRequiredService<Database>().WriteAsync(
            new Tenant("acme"), session => SearchLog.EraseUserAsync(session, "ann", server.Time.Now()), Ct);
        await FlushAsync(beside);

        Assert.Equal(1, gone);
        Assert.Equal(0, await RowsAsync(server, "acme", "user_id = 'ann'"));
        Assert.Equal(1, await RowsAsync(server, "acme", "user_id = 'ben'"));
    }

    private static Task FlushAsync(TestApp server) => server.WriteSearchesAsync();

    private static Task<long> RowsAsync(TestApp server, string tenant, string condition = "1 = 1") =>
        RawDatabase.CountAsync(server, tenant, string.Create(CultureInfo.InvariantCulture, $"{Count} WHERE tenant_id = '{tenant}' AND {condition}"));

    private static async Task<string> MetricsAsync(TestApp server) =>
        await (await server.WithKey(TestApp.OperatorKey).GetAsync("/metrics", Ct)).Content.ReadAsStringAsync(Ct);

    private static async Task<string> CommitsAsync(TestApp server) =>
        (await MetricsAsync(server)).Split('\n').Single(line => line.StartsWith("write_group_size_sum", StringComparison.Ordinal));
}
