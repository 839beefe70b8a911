using System.Net;
using Memoir.Kit.Files;
using Memoir.Server.Backups;
using Memoir.Tests.Testing;
using Microsoft.Extensions.DependencyInjection;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Backups;

public sealed class BackupScheduleTests
{
    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Theory, MemberData(nameof(Engines))]
    public async Task A_backup_a_day_and_seven_are_kept(TestEngine engine)
    {
        var folder = Directory.CreateTempSubdirectory("memoir-backups-").FullName;
        await using var server = await TestApp.StartAsync(engine, ("BackupDirectory", folder));
        await server.As("acme").StoreAsync("kept");
        await File.WriteAllTextAsync(Path.Combine(folder, "memoir-notes.backup"), "not ours", Ct);

        for (var day = 0; day < 9; day++)
        {
            await RunAsync(server);
            await RunAsync(server);
            await NextDayAsync(server);
        }

        var names = Names(folder);
        Assert.Equal(["memoir-20260117T120000Z.backup", "memoir-20260118T120000Z.backup"], names[..2]);
        Assert.Equal(8, names.Length);
        Assert.Equal("memoir-notes.backup", names[^1]);
        Assert.All(names[..^1], name => Assert.Equal(DurableFiles.Private, BackupFixture.ModeOf(Path.Combine(folder, name))));
        var metrics = await server.WithKey(TestApp.OperatorKey).GetStringAsync(new Uri("/metrics", UriKind.Relative), Ct);
        Assert.Contains("backups_total{outcome=\"succeeded\"} 9", metrics, StringComparison.Ordinal);
        Assert.Contains($"backup_last_success_timestamp_seconds {new DateTimeOffset(2026, 1, 23, 12, 0, 0, TimeSpan.Zero).ToUnixTimeSeconds()}", metrics, StringComparison.Ordinal);
        Directory.Delete(folder, recursive: true);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Without_a_setting_a_file_is_backed_up_beside_itself_and_a_server_not_at_all(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);

        await RunAsync(server);

        var folder = Path.Combine(server.Folder, "backups");
        Assert.Equal(engine == TestEngine.Sqlite ? 1 : 0, Directory.Exists(folder) ? Names(folder).Length : 0);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Switched_off_none_is_made(TestEngine engine)
    {
        var folder = Directory.CreateTempSubdirectory("memoir-backups-").FullName;
        await using var server = await TestApp.StartAsync(engine, ("BackupDirectory", folder), ("BackupScheduleSeconds", "off"));

        await RunAsync(server);

        Assert.Empty(Names(folder));
        Directory.Delete(folder);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_failure_is_logged_and_counted_deletes_nothing_and_is_tried_again_later(TestEngine engine)
    {
        var folder = Directory.CreateTempSubdirectory("memoir-backups-").FullName;
        await using var server = await TestApp.StartAsync(engine, ("BackupDirectory", folder), ("BackupsKept", "1"));
        await RunAsync(server);
        await NextDayAsync(server);
        var wall = Directory.CreateDirectory(Path.Combine(folder, "memoir-20260116T120000Z.backup.partial"));

        await RunAsync(server);

        Assert.Equal(["memoir-20260115T120000Z.backup"], Names(folder));
        Assert.Contains(server.Log.Faults, line => line.Contains("A backup failed", StringComparison.Ordinal));
        var client = server.WithKey(TestApp.OperatorKey);
        Assert.Contains("backups_total{outcome=\"failed\"} 1", await client.GetStringAsync(new Uri("/metrics", UriKind.Relative), Ct), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync(new Uri("/v1/admin/readiness", UriKind.Relative), Ct)).StatusCode);

        wall.Delete();
        await RunAsync(server);
        Assert.Single(Names(folder));
        server.Time.Advance(TimeSpan.FromMinutes(15));
        await RunAsync(server);
        Assert.Equal(["memoir-20260116T121500Z.backup"], Names(folder));
        Directory.Delete(folder, recursive: true);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task One_that_is_dated_ahead_of_the_clock_is_left_alone_and_counts_for_nothing(TestEngine engine)
    {
        var folder = Directory.CreateTempSubdirectory("memoir-backups-").FullName;
        await using var server = await TestApp.StartAsync(engine, ("BackupDirectory", folder), ("BackupsKept", "2"));
        await File.WriteAllTextAsync(Path.Combine(folder, "memoir-20310101T000000Z.backup"), "made when the clock was wrong", Ct);

        await RunAsync(server);
        server.Time.Advance(TimeSpan.FromMinutes(1));
        await RunAsync(server);
        Assert.Equal(["memoir-20260115T120000Z.backup", "memoir-20310101T000000Z.backup"], Names(folder));
        for (var day = 0; day < 3; day++)
        {
            await NextDayAsync(server);
            await RunAsync(server);
        }

        Assert.Equal(["memoir-20260117T120100Z.backup", "memoir-20260118T120100Z.backup", "memoir-20310101T000000Z.backup"], Names(folder));
        Directory.Delete(folder, recursive: true);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task What_a_crash_left_is_removed_and_what_somebody_writes_is_not(TestEngine engine)
    {
        var folder = Directory.CreateTempSubdirectory("memoir-backups-").FullName;
        await using var server = await TestApp.StartAsync(engine, ("BackupDirectory", folder));
        await File.WriteAllTextAsync(Path.Combine(folder, "memoir-20260101T000000Z.backup.partial"), "half of one", Ct);
        using (PartialFile.Create(Path.Combine(folder, "memoir-20260102T000000Z.backup")))
        {
            await RunAsync(server);

            Assert.Equal(
                ["memoir-20260102T000000Z.backup.partial", "memoir-20260115T120000Z.backup"], Names(folder));
        }

        Directory.Delete(folder, recursive: true);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task An_operator_asks_for_one_at_a_time_and_sees_how_it_stands(TestEngine engine)
    {
        var folder = Directory.CreateTempSubdirectory("memoir-backups-").FullName;
        await using var server = await TestApp.StartAsync(engine, ("BackupDirectory", folder), ("BackupScheduleSeconds", "off"));
        var client = server.WithKey(TestApp.OperatorKey);

        var asked = await client.SendAsync("POST", "/v1/admin/backups");
        var answer = await asked.JsonAsync(HttpStatusCode.Accepted);
        var place = asked.Headers.Location!.ToString();
        var answers = await Task.WhenAll(Enumerable.Range(0, 99).Select(_ => client.SendAsync("POST", "/v1/admin/backups")));
        Assert.All(answers, refused => Assert.Equal(HttpStatusCode.Conflict, refused.StatusCode));
        Assert.Equal("waiting", answer.Text("state"));
        Assert.Equal("waiting", (await client.ReadAsync(place)).Text("state"));
        await RunAsync(server);
        var made = await client.ReadAsync(place);

        Assert.Equal(("complete", answer.Text("name")), (made.Text("state"), made.Text("name")));
        Assert.Equal(new FileInfo(made.Text("path")!).Length, made.GetProperty("bytes").GetInt64());
        Assert.Equal([made.Text("name")!], (await client.ReadAsync("/v1/admin/backups")).Each("name"));
        Assert.Single(Names(folder));
        var whole = await (await client.SendAsync("POST", $"{place}/verify")).JsonAsync(HttpStatusCode.OK);
        Assert.Equal(1, whole.GetProperty("rows").GetInt64());
        Assert.Equal(made.Text("name"), Assert.Single((await client.ReadAsync("/v1/admin/audit?action=backup.make")).Items()).Text("subject"));
        var bytes = await File.ReadAllBytesAsync(made.Text("path")!, Ct);
        bytes[^1] ^= 1;
        await File.WriteAllBytesAsync(made.Text("path")!, bytes, Ct);
        await (await client.SendAsync("POST", $"{place}/verify")).RefusedAsync(HttpStatusCode.UnprocessableEntity, "backup-integrity");
        await (await client.SendAsync("POST", "/v1/admin/backups/memoir-20200101T000000Z.backup/verify")).RefusedAsync(HttpStatusCode.NotFound, "not-found");
        await (await client.GetAsync(new Uri("/v1/admin/backups/..%2F..%2Fetc%2Fpasswd", UriKind.Relative), Ct)).RefusedAsync(HttpStatusCode.NotFound, "not-found");
        Directory.Delete(folder, recursive: true);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_tenants_key_neither_takes_backups_nor_sees_them(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, ("BackupScheduleSeconds", "off"));
        var member = await server.MemberAsync("acme", "admin", "memory:read", "memory:write");

        foreach (var (method, url) in ((string, string)[])[("POST", "/v1/admin/backups"), ("GET", "/v1/admin/backups"), ("GET", "/v1/admin/backups/x"), ("POST", "/v1/admin/backups/x/verify")])
        {
            await (await member.SendAsync(method, url)).RefusedAsync(HttpStatusCode.Forbidden, "insufficient-scope");
        }
    }

    [Theory]
    [InlineData("59")]
    [InlineData("daily")]
    [InlineData("-1")]
    public async Task A_wrong_period_stops_the_start(string seconds)
    {
        var folder = Directory.CreateTempSubdirectory("memoir-backups-").FullName;

        var ending = await ServerProcess.RefuseAsync(folder, ("MEMORY_BACKUP_SCHEDULE_SECONDS", seconds));

        Assert.Equal(78, ending.Code);
        Assert.StartsWith("memoir: MEMORY_BACKUP_SCHEDULE_SECONDS: must be a whole number of seconds", Assert.Single(ending.ErrorLines), StringComparison.Ordinal);
        Directory.Delete(folder, recursive: true);
    }

    private static Task RunAsync(TestApp server) => server.Services.GetRequiredService<BackupWorker>().RunOnceAsync(Ct);

    /// <summary>Processes on one server take turns by its clock, which no test moves: there the turn is given back.</summary>
    private static async Task NextDayAsync(TestApp server)
    {
        server.Time.Advance(TimeSpan.FromDays(1));
        if (TestEngines.Current == TestEngine.Postgres)
        {
            await PostgresServer.AskAsync(PostgresServer.SuperuserUrlOf(server.DatabaseName), "DELETE FROM schedules WHERE name = 'backup'");
        }
    }

    private static string[] Names(string folder) =>
        [.. Directory.GetFiles(folder).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];
}
