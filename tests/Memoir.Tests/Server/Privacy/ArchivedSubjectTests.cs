using System.IO.Compression;
using System.Net;
using System.Text;
using Memoir.Server.Retention.Archive;
using Memoir.Tests.Server.Backups;
using Memoir.Tests.Server.Retention;
using Memoir.Tests.Testing;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Privacy;

/// <summary>Texts that stand in the archive's files belong to their user as those in the database do: exported, erased, backed up.</summary>
public sealed class ArchivedSubjectTests : IDisposable
{
    private const string Canary = "canary4f7d";

    private readonly string _folder = Directory.CreateTempSubdirectory("memoir-archive-").FullName;
    private readonly string _elsewhere = Directory.CreateTempSubdirectory("memoir-restored-").FullName;

    public static TheoryData<TestEngine> Engines => TestEngines.All;

    public void Dispose()
    {
        Directory.Delete(_folder, recursive: true);
        Directory.Delete(_elsewhere, recursive: true);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task An_export_has_the_texts_and_their_history(TestEngine engine)
    {
        await using var server = await StartArchivedAsync(engine);

        var lines = (await server.As("acme").GetStringAsync("/v1/users/ann/export", Ct)).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(Parse).ToList();

        Assert.Equal([$"New {Canary} of Ann.", $"Another {Canary} of Ann."], lines.Where(line => line.Text("line") == "memory").Select(line => line.Text("content")!).Order(StringComparer.Ordinal).Reverse());
        var version = Assert.Single(lines, line => line.Text("line") == "version");
        Assert.Equal($"Old {Canary} of Ann.", version.GetProperty("snapshot").Text("content"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task An_erasure_takes_the_texts_out_of_the_files_and_leaves_those_of_others(TestEngine engine)
    {
        await using var server = await StartArchivedAsync(engine);

        await (await server.As("acme").DeleteAsync("/v1/users/ann/data", Ct)).JsonAsync(HttpStatusCode.OK);

        Assert.DoesNotContain(Canary, Texts(), StringComparison.Ordinal);
        Assert.Contains("Bob stays.", Texts(), StringComparison.Ordinal);
        Assert.Equal("Bob stays.", Assert.Single((await server.As("acme").SearchAsync("stays", ("include_archived", true))).Items()).Text("content"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_version_in_which_it_was_anothers_is_found_when_that_one_is_erased(TestEngine engine)
    {
        await using var server = await StartAsync(engine);
        await server.StoreAgedAsync($"The {Canary} was Ann's.", 40, ("external_id", "handed-over"), ("user_id", "ann"));
        await server.StoreAgedAsync("It is Bob's now.", 40, ("external_id", "handed-over"), ("user_id", "bob"));
        await server.RunAsync();
        Assert.Single(Files());

        await (await server.As("acme").DeleteAsync("/v1/users/ann/data", Ct)).JsonAsync(HttpStatusCode.OK);

        Assert.DoesNotContain(Canary, Texts(), StringComparison.Ordinal);
        Assert.Equal(0, await RawDatabase.CountAsync(server, "acme", $"SELECT COUNT(*) FROM memory_versions WHERE snapshot LIKE '%{Canary}%'"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_hold_on_a_user_stops_the_erasure_until_it_is_lifted(TestEngine engine)
    {
        await using var server = await StartArchivedAsync(engine);
        await server.PlaceHoldAsync("case-17", new { user_id = "ann" });

        await (await server.As("acme").DeleteAsync("/v1/users/ann/data", Ct)).RefusedAsync(HttpStatusCode.Conflict, "conflict");
        Assert.Contains(Canary, Texts(), StringComparison.Ordinal);
        Assert.Empty((await server.As("acme").ReadAsync("/v1/erasures")).Items());

        Assert.Equal(HttpStatusCode.NoContent, (await server.As("acme").DeleteAsync("/v1/admin/retention/holds/case-17", Ct)).StatusCode);
        await (await server.As("acme").DeleteAsync("/v1/users/ann/data", Ct)).JsonAsync(HttpStatusCode.OK);
        Assert.DoesNotContain(Canary, Texts(), StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_backup_has_the_texts_so_that_it_needs_no_file_of_the_archive(TestEngine engine)
    {
        await using var server = await StartArchivedAsync(engine);
        var backup = Path.Combine(_elsewhere, "all.backup");
        await server.BackUpAsync(backup);
        Directory.Delete(Path.Combine(_folder, Path.GetRelativePath(_folder, Path.GetDirectoryName(Files()[0])!)), recursive: true);
        Directory.CreateDirectory(_folder);

        var restored = Path.Combine(_elsewhere, "memoir.db");
        var ending = await BackupFixture.RestoreAsync(backup, server.KeyFile(), restored);

        Assert.Equal(0, ending.Code);
        Assert.Equal([$"Another {Canary} of Ann.", "Bob stays.", $"New {Canary} of Ann."], Rows(restored, "SELECT content FROM memories WHERE archived_at IS NOT NULL AND archive_file IS NULL ORDER BY content"));
        Assert.Contains($"Old {Canary} of Ann.", Assert.Single(Rows(restored, "SELECT snapshot FROM memory_versions")), StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Who_is_erased_after_a_backup_is_not_in_what_is_restored_from_it(TestEngine engine)
    {
        await using var server = await StartArchivedAsync(engine);
        var backup = Path.Combine(_elsewhere, "all.backup");
        await server.BackUpAsync(backup);
        await (await server.As("acme").DeleteAsync("/v1/users/ann/data", Ct)).JsonAsync(HttpStatusCode.OK);
        File.Copy(Path.Combine(server.Folder, "erasures.jsonl"), Path.Combine(_elsewhere, "erasures.jsonl"));

        var restored = Path.Combine(_elsewhere, "memoir.db");
        var ending = await BackupFixture.RestoreAsync(backup, server.KeyFile(), restored);

        Assert.Equal(0, ending.Code);
        Assert.Contains("erased since the backup was made, and erased again: 2 memories", ending.Errors, StringComparison.Ordinal);
        Assert.Equal(["Bob stays."], Rows(restored, "SELECT content FROM memories"));
        Assert.Empty(Rows(restored, "SELECT snapshot FROM memory_versions"));
    }

    private Task<TestApp> StartAsync(TestEngine engine) => TestApp.StartAsync(engine, ("ArchiveDirectory", _folder));

    /// <summary>Two memories of Ann, one with a history, and one of Bob, all of them in one file of the archive.</summary>
    private async Task<TestApp> StartArchivedAsync(TestEngine engine)
    {
        var server = await StartAsync(engine);
        await server.StoreAgedAsync($"Old {Canary} of Ann.", 40, ("external_id", "a1"), ("user_id", "ann"));
        await server.StoreAgedAsync($"New {Canary} of Ann.", 40, ("external_id", "a1"), ("user_id", "ann"));
        await server.StoreAgedAsync($"Another {Canary} of Ann.", 41, ("user_id", "ann"));
        await server.StoreAgedAsync("Bob stays.", 40, ("user_id", "bob"));
        await server.RunAsync();
        Assert.Single(Files());
        Assert.True(server.Services.GetRequiredService<RetentionArchive>().IsOn);
        return server;
    }

    private string[] Files() => [.. Directory.GetFiles(_folder, "*", SearchOption.AllDirectories).Where(path => Path.GetFileName(path) != "database")];

    private string Texts() => string.Concat(Files().Select(file =>
    {
        using var zipped = new GZipStream(File.OpenRead(file), CompressionMode.Decompress);
        using var reader = new StreamReader(zipped, Encoding.UTF8);
        return reader.ReadToEnd();
    }));

    private static List<string> Rows(string file, string sql)
    {
        using var connection = new SqliteConnection($"Data Source={file};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        using var reader = command.ExecuteReader();
        var rows = new List<string>();
        while (reader.Read())
        {
            rows.Add(reader.GetString(0));
        }

        return rows;
    }
}
