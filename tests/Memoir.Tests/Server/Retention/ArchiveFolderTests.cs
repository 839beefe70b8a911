using System.Net;
using System.Text;
using Memoir.Kit.Data;
using Memoir.Server.Recall.Indexes;
using Memoir.Server.Retention.Archive;
using Memoir.Tests.Testing;
using Microsoft.Extensions.DependencyInjection;
using static Memoir.Tests.Server.Retention.RetentionWorld;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Retention;

/// <summary>Texts that stand in files: they can be read, erased and brought back, and a damaged file is never served.</summary>
public sealed class ArchiveFolderTests : IDisposable
{
    private const string Canary = "canary7c21";

    private readonly string _folder = Directory.CreateTempSubdirectory("memoir-archive-").FullName;

    public static TheoryData<TestEngine> Engines => TestEngines.All;

    private string[] Files => [.. Directory.GetFiles(_folder, "*", SearchOption.AllDirectories).Where(path => Path.GetFileName(path) != "database")];

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory, MemberData(nameof(Engines))]
    public async Task The_text_moves_to_a_file_and_is_read_from_there_everywhere(TestEngine engine)
    {
        await using var server = await StartAsync(engine);
        var old = await server.StoreAgedAsync($"The {Canary} kettle.", 40, ("external_id", "e1"));
        await server.StoreAgedAsync($"The {Canary} kettle is new.", 40, ("external_id", "e1"));
        await server.As("acme").SendAsync("PATCH", $"/v1/messages/{old.Text("id")}", """{"metadata":{"room":"kitchen"}}""");
        var before = await server.ReadMessageAsync(old);
        var history = await server.As("acme").ReadAsync($"/v1/messages/{old.Text("id")}/history");
        Assert.Equal(2, history.Items().Length);

        Assert.Equal((1, 0), (await server.RunAsync()).Counts());

        Assert.Single(Files);
        Assert.False((await RawDatabase.StoredAsync(server, isSettled: true)).Holds(Canary));
        Assert.Contains(Canary, Encoding.UTF8.GetString(Unzipped(Files[0])), StringComparison.Ordinal);
        var client = server.As("acme");
        Assert.Equal(before.Text("content"), (await server.ReadMessageAsync(old)).Text("content"));
        Assert.Equal(before.Text("content"), (await client.ReadAsync("/v1/conversations/c1/messages")).Items()[0].Text("content"));
        Assert.Equal(history.GetRawText(), (await client.ReadAsync($"/v1/messages/{old.Text("id")}/history")).GetRawText());
        Assert.Equal(before.Text("content"), (await client.SearchAsync(Canary, ("include_archived", true))).Items()[0].Text("content"));
        Assert.Empty((await client.SearchAsync(Canary)).Items());

        await using var beside = TestApp.StartBeside(server); // Its index is read anew: the words stand in the file.
        Assert.Equal(before.Text("content"), (await beside.As("acme").SearchAsync(Canary, ("include_archived", true))).Items()[0].Text("content"));
        await beside.Services.GetRequiredService<IndexMerger>().MergeAsync(Acme, Ct);
        Assert.Single((await server.As("acme").SearchAsync(Canary, ("include_archived", true))).Items());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Deleting_takes_a_text_out_of_its_file_and_the_last_one_takes_the_file(TestEngine engine)
    {
        await using var server = await StartAsync(engine);
        var one = await server.StoreAgedAsync($"One {Canary}.", 40);
        var two = await server.StoreAgedAsync("Two stays.", 40);
        await server.RunAsync();

        Assert.Equal(HttpStatusCode.NoContent, (await server.As("acme").DeleteAsync($"/v1/messages/{one.Text("id")}", Ct)).StatusCode);

        var text = Encoding.UTF8.GetString(Unzipped(Files.Single()));
        Assert.DoesNotContain(Canary, text, StringComparison.Ordinal);
        Assert.Contains("Two stays.", text, StringComparison.Ordinal);
        Assert.Equal("Two stays.", (await server.ReadMessageAsync(two)).Text("content"));
        server.Time.Advance(TimeSpan.FromDays(90));
        Assert.Equal((0, 1), (await server.RunAsync()).Counts());
        Assert.Empty(Files);
        await server.RunJobsAsync();
        Assert.Equal(0, await RawDatabase.CountAsync(server, "acme", "SELECT COUNT(*) FROM jobs WHERE tenant_id = 'acme' AND status <> 'succeeded'"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task What_comes_back_stands_in_the_database_again_with_its_history(TestEngine engine)
    {
        await using var server = await StartAsync(engine);
        var restored = await server.StoreAgedAsync("One.", 40);
        await server.As("acme").SendAsync("PATCH", $"/v1/messages/{restored.Text("id")}", """{"metadata":{"room":"kitchen"}}""");
        var replaced = await server.StoreAgedAsync("Two.", 40, ("external_id", "e2"));
        var history = await server.As("acme").ReadAsync($"/v1/messages/{restored.Text("id")}/history");
        await server.RunAsync();

        await (await server.As("acme").SendAsync("POST", $"/v1/messages/{restored.Text("id")}/restore")).JsonAsync(HttpStatusCode.OK);
        await server.StoreAgedAsync("Two is new.", 40, ("external_id", "e2"));

        Assert.Empty(Files);
        Assert.Equal("One.", (await server.ReadMessageAsync(restored)).Text("content"));
        Assert.Equal(history.GetRawText(), (await server.As("acme").ReadAsync($"/v1/messages/{restored.Text("id")}/history")).GetRawText());
        Assert.Equal("Two is new.", (await server.ReadMessageAsync(replaced)).Text("content"));
        Assert.Equal("Two.", (await server.As("acme").ReadAsync($"/v1/messages/{replaced.Text("id")}/history")).Items()[0].GetProperty("message").Text("content"));
        Assert.Equal(2, (await server.As("acme").SearchAsync("one two", ("mode", "lexical"))).Items().Length);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_change_of_what_stands_in_a_file_leaves_its_text_there(TestEngine engine)
    {
        await using var server = await StartAsync(engine);
        var old = await server.StoreAgedAsync("The kettle is on.", 40);
        await server.RunAsync();

        var changed = await (await server.As("acme").SendAsync("PATCH", $"/v1/messages/{old.Text("id")}", """{"metadata":{"room":"kitchen"}}""")).JsonAsync(HttpStatusCode.OK);

        Assert.Equal(("The kettle is on.", true), (changed.Text("content"), changed.IsArchived()));
        Assert.Equal("", (await AllAsync(server)).Single().Content);
        Assert.Single((await server.As("acme").SearchAsync("kettle", ("include_archived", true), ("filter", new { room = "kitchen" }))).Items());
        Assert.Equal("The kettle is on.", (await server.As("acme").ReadAsync($"/v1/messages/{old.Text("id")}/history")).Items()[0].GetProperty("message").Text("content"));
    }

    [Theory]
    [InlineData("flipped")]
    [InlineData("cut")]
    [InlineData("gone")]
    [InlineData("empty")]
    public async Task A_damaged_file_is_named_and_never_served(string damage)
    {
        await using var server = await StartAsync(TestEngines.Current);
        var old = await server.StoreAgedAsync("The kettle is on.", 40);
        await server.As("acme").StoreAsync("My garden.", ("conversation_id", "c2"));
        await server.RunAsync();
        Assert.Single((await server.As("acme").SearchAsync("kettle", ("include_archived", true))).Items());
        var file = Files.Single();
        var good = await File.ReadAllBytesAsync(file, Ct);
        Damage(file, good, damage);

        foreach (var url in (string[])[$"/v1/messages/{old.Text("id")}", "/v1/conversations/c1/messages", "/v1/memory/search?query=kettle&include_archived=true"])
        {
            var refused = await (await server.As("acme").GetAsync(url, Ct)).RefusedAsync(HttpStatusCode.ServiceUnavailable, "storage-unavailable");
            Assert.Contains(Path.GetFileName(file), refused.Text("detail"), StringComparison.Ordinal);
        }

        await (await server.As("acme").SendAsync("POST", $"/v1/messages/{old.Text("id")}/restore")).RefusedAsync(HttpStatusCode.ServiceUnavailable, "storage-unavailable");
        Assert.Single((await server.As("acme").SearchAsync("garden")).Items());
        await using var beside = TestApp.StartBeside(server);
        Assert.Single((await beside.As("acme").SearchAsync("garden")).Items()); // Its index has what can be read.
        await beside.Services.GetRequiredService<IndexMerger>().MergeAsync(Acme, Ct); // And is not written down in the place of a better one.

        await File.WriteAllBytesAsync(file, good, Ct);
        Assert.Single((await beside.As("acme").SearchAsync("kettle", ("include_archived", true))).Items());
        Assert.Equal("The kettle is on.", (await server.ReadMessageAsync(old)).Text("content"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_file_of_another_tenant_is_not_taken_for_ones_own(TestEngine engine)
    {
        await using var server = await StartAsync(engine);
        await server.StoreAgedAsync("Ours.", 40);
        await server.RunAsync();

        var own = await File.ReadAllBytesAsync(Files.Single(), Ct);

        Assert.Single(ArchiveFile.Decode(Acme, own));
        var refused = Assert.Throws<InvalidDataException>(() => ArchiveFile.Decode(new Tenant("umbrella"), own));
        Assert.Contains("another tenant", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_byte_of_a_file_counts()
    {
        var texts = Enumerable.Range(0, 3).Select(i => new ArchivedText(Guid.CreateVersion7(), $"Number {i} “é” \U0001F98A\n", new Dictionary<long, string> { [1] = "{}", [3] = "{\"a\":1}" })).ToList();
        var bytes = ArchiveFile.Encode(Acme, texts);

        var decoded = ArchiveFile.Decode(Acme, bytes);
        Assert.Equal(texts.Select(text => (text.Content, text.Versions.Count)), decoded.Values.Select(text => (text.Content, text.Versions.Count)));
        var refused = 0;
        for (var at = 10; at < bytes.Length; at++) // Before it, gzip says when and on what it was made.
        {
            var damaged = bytes.ToArray();
            damaged[at] ^= 0x10;
            AssertNothingElse(damaged);
            AssertNothingElse(bytes[..at]);
        }

        Assert.InRange(refused, bytes.Length * 3 / 2, bytes.Length * 2);

        // What is damaged may be of no consequence, as the end of a stream that is whole: then the texts are what they were.
        void AssertNothingElse(byte[] damaged)
        {
            try
            {
                Assert.Equal(texts.Select(text => text.Content), ArchiveFile.Decode(Acme, damaged).Values.Select(text => text.Content));
            }
            catch (InvalidDataException)
            {
                refused++;
            }
        }
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task What_was_deleted_is_taken_out_of_a_file_as_soon_as_that_can_be_read(TestEngine engine)
    {
        await using var server = await StartAsync(engine);
        var one = await server.StoreAgedAsync($"One {Canary}.", 40);
        await server.StoreAgedAsync("Two stays.", 40);
        await server.RunAsync();
        var file = Files.Single();
        var good = await File.ReadAllBytesAsync(file, Ct);
        Damage(file, good, "cut");

        Assert.Equal(HttpStatusCode.NoContent, (await server.As("acme").DeleteAsync($"/v1/messages/{one.Text("id")}", Ct)).StatusCode);
        await server.RunJobsAsync();
        var job = Assert.Single((await server.As("acme").ReadAsync("/v1/jobs?status=failed")).Items());
        Assert.Contains(Path.GetFileName(file), job.Text("error"), StringComparison.Ordinal);

        await File.WriteAllBytesAsync(file, good, Ct);
        server.Time.Advance(TimeSpan.FromMinutes(1));
        await server.RunJobsAsync();
        Assert.DoesNotContain(Canary, Encoding.UTF8.GetString(Unzipped(Files.Single())), StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_crash_between_file_and_database_leaves_nothing_behind(TestEngine engine)
    {
        await using var server = await StartAsync(engine);
        await server.StoreAgedAsync("One.", 40);
        var asked = 0;
        server.DatabaseClock.Asked = () =>
        {
            if (asked++ >= 1) // In the write that follows the file, as often as it is tried.
            {
                throw new InvalidOperationException("The power is gone.");
            }
        };
        await Assert.ThrowsAnyAsync<Exception>(async () => (await server.TryRunAsync()).EnsureSuccessStatusCode());
        var orphan = Files.Single();
        Assert.Null((await AllAsync(server)).Single().ArchivedAt);
        server.DatabaseClock.Asked = () => { };

        var archive = server.Services.GetRequiredService<RetentionArchive>();
        await archive.SweepAllAsync(Ct);
        Assert.Equal([orphan], Files); // It could be that of a run under way.
        server.Time.Advance(TimeSpan.FromMinutes(6));
        Assert.Equal((1, 0), (await server.RunAsync()).Counts());
        Assert.NotEqual(orphan, Files.Single());

        await File.WriteAllTextAsync(Path.Combine(Path.GetDirectoryName(orphan)!, ".half.tmp"), Canary, Ct);
        await archive.SweepAllAsync(Ct);
        Assert.Single(Files);
        Assert.Single((await server.As("acme").SearchAsync("one", ("include_archived", true))).Items());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_backup_that_began_before_a_text_was_brought_back_finds_it_where_it_is_now(TestEngine engine)
    {
        await using var server = await StartAsync(engine);
        var stored = await server.StoreAgedAsync("One.", 40);
        await server.RunAsync();
        var (id, file) = (Guid.Parse(stored.Text("id")!), Path.GetFileName(Files.Single()));
        var archive = server.Services.GetRequiredService<RetentionArchive>();

        await (await server.As("acme").SendAsync("POST", $"/v1/messages/{id}/restore")).JsonAsync(HttpStatusCode.OK);

        Assert.Equal("One.", (await archive.FindAsync(new Tenant("acme"), id, file, Ct))?.Content);
        await server.As("acme").DeleteAsync($"/v1/messages/{id}", Ct);
        Assert.Null(await archive.FindAsync(new Tenant("acme"), id, file, Ct));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_folder_of_another_database_is_not_tidied(TestEngine engine)
    {
        await using var server = await StartAsync(engine);
        await server.StoreAgedAsync("One.", 40);
        await server.RunAsync();
        var file = Files.Single();

        // As a restored database, which has the text in its row and refers to no file.
        await using var drill = await StartAsync(engine);
        await drill.As("acme").StoreAsync("Two.");
        await drill.Services.GetRequiredService<RetentionArchive>().SweepAllAsync(Ct);
        Assert.Equal([file], Files);

        await drill.Services.GetRequiredService<ArchiveFolder>().DisownAsync(server.Services.GetRequiredService<Database>().Location, Ct);
        File.Delete(file);
        await File.WriteAllTextAsync(file, "left", Ct);
        await using var after = TestApp.StartBeside(server);
        await after.Services.GetRequiredService<RetentionArchive>().SweepAllAsync(Ct);
        Assert.Equal([file], Files);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task An_erased_tenant_leaves_no_file(TestEngine engine)
    {
        await using var server = await StartAsync(engine);
        await server.StoreAgedAsync($"One {Canary}.", 40);
        await server.RunAsync();
        await server.As("umbrella").StoreAsync("Theirs.", ("tenant_id", "umbrella"), ("role", "tool"), ("created_at", server.Time.GetUtcNow().AddDays(-40)));
        await server.TryRunAsync(tenant: "umbrella");
        Assert.Equal(2, Files.Length);

        Assert.Equal(HttpStatusCode.NoContent, (await server.WithKey(TestApp.OperatorKey).DeleteAsync("/v1/tenants/acme/data", Ct)).StatusCode);

        Assert.DoesNotContain(Canary, Encoding.UTF8.GetString(Unzipped(Files.Single())), StringComparison.Ordinal);
        Assert.Equal(["Theirs."], (await server.As("umbrella").SearchAsync("theirs", ("include_archived", true))).Each("content"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Whoever_deletes_rows_by_himself_has_the_files_follow(TestEngine engine)
    {
        await using var server = await StartAsync(engine);
        await server.StoreAgedAsync($"One {Canary}.", 40, ("user_id", "ann"));
        await server.StoreAgedAsync("Two stays.", 40);
        await server.RunAsync();
        await RawDatabase.RunAsync(server.Folder, "acme", "DELETE FROM memories WHERE tenant_id = 'acme' AND user_id = 'ann'");

        await server.Services.GetRequiredService<RetentionArchive>().EraseAsync(Acme, Ct);

        var text = Encoding.UTF8.GetString(Unzipped(Files.Single()));
        Assert.Equal((false, true), (text.Contains(Canary, StringComparison.Ordinal), text.Contains("Two stays.", StringComparison.Ordinal)));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Files_and_folders_belong_to_their_owner_alone(TestEngine engine)
    {
        await using var server = await StartAsync(engine);
        await server.StoreAgedAsync("One.", 40);
        await server.RunAsync();

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, new FileInfo(Files.Single()).UnixFileMode);
        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, new DirectoryInfo(Path.GetDirectoryName(Files.Single())!).UnixFileMode);
    }

    private Task<TestApp> StartAsync(TestEngine engine) => TestApp.StartAsync(engine, ("ArchiveDirectory", _folder));

    private static byte[] Unzipped(string file)
    {
        using var gzip = new System.IO.Compression.GZipStream(File.OpenRead(file), System.IO.Compression.CompressionMode.Decompress);
        using var bytes = new MemoryStream();
        gzip.CopyTo(bytes);
        return bytes.ToArray();
    }

    private static void Damage(string file, byte[] good, string damage)
    {
        var bytes = good.ToArray();
        bytes[bytes.Length / 2] ^= 0x40;
        switch (damage)
        {
            case "flipped":
                File.WriteAllBytes(file, bytes);
                break;
            case "cut":
                File.WriteAllBytes(file, good[..(good.Length / 2)]);
                break;
            case "empty":
                File.WriteAllBytes(file, []);
                break;
            default:
                File.Delete(file);
                break;
        }
    }
}
