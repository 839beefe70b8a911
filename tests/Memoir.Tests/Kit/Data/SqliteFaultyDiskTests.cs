using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json;
using Memoir.Tests.Testing;

namespace Memoir.Tests.Kit.Data;

/// <summary>The real program on storage that fails: a full disk costs writes and heals, a failed write or sync ends all writing until a restart.</summary>
public sealed class SqliteFaultyDiskTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("memoir-disk-").FullName;
    private bool _isMounted;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        if (_isMounted)
        {
            Run("umount", "--lazy", _folder);
        }

        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task A_full_disk_costs_writes_but_no_reads_and_heals_without_a_restart()
    {
        Assert.SkipUnless(Run("mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", _folder) == 0, "This needs a small file system, and so root.");
        _isMounted = true;
        await using var server = await ServerProcess.StartAsync(_folder);
        using var client = server.Client();
        var acknowledged = await StoreUntilRefusedAsync(client, content: "before", atMost: 5);

        var ballast = Path.Combine(_folder, "ballast");
        Fill(ballast);
        var (stored, status, slug) = await StoreUntilRefusedAsync(client, new string('x', 50_000), atMost: 200);
        var read = await CountAsync(client);
        File.Delete(ballast);
        var healed = await StatusAsync(client, "after");

        Assert.Equal((507, "urn:memoir:problem:insufficient-storage"), (status, slug));
        Assert.Equal(acknowledged.Stored + stored, read);
        Assert.Equal(202, healed);
        Assert.Equal(read + 1, await CountAsync(client));
    }

    [Fact]
    public async Task A_disk_without_room_for_the_database_stops_the_start_with_one_line()
    {
        Assert.SkipUnless(Run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", _folder) == 0, "This needs a small file system, and so root.");
        _isMounted = true;
        Fill(Path.Combine(_folder, "ballast"));

        var ending = await ServerProcess.RefuseAsync(_folder);

        Assert.Equal((78, 1), (ending.Code, ending.ErrorLines.Length));
        Assert.Contains(_folder, ending.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_failed_write_ends_all_writing_until_a_restart_replays_the_log()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The fault is made with a limit of Linux.");
        int stored;
        await using (var server = await ServerProcess.StartInShellAsync(_folder, "trap '' XFSZ"))
        {
            using var client = server.Client();
            stored = (await StoreUntilRefusedAsync(client, "before", atMost: 5)).Stored;
            var size = new FileInfo(Path.Combine(_folder, "memoir.db-wal")).Length;

            Assert.Equal(0, Run("prlimit", $"--pid={server.Id}", $"--fsize={size}:unlimited"));
            var refused = await RefusalAsync(client);
            Assert.Equal(0, Run("prlimit", $"--pid={server.Id}", "--fsize=unlimited:unlimited"));
            await AssertBrokenAsync(client, refused, stored);
        }

        await AssertWholeAfterRestartAsync(stored);
    }

    [Fact]
    public async Task A_failed_sync_ends_all_writing_until_a_restart_replays_the_log()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/strace"), "The fault is made with strace.");
        int stored;
        await using (var server = await ServerProcess.StartAsync(_folder))
        {
            using var client = server.Client();
            stored = (await StoreUntilRefusedAsync(client, "before", atMost: 5)).Stored;

            using var strace = await StraceAsync(server.Id);
            Assert.SkipWhen(strace is null, "This machine does not let one process trace another.");
            var refused = await RefusalAsync(client);
            strace!.Kill();
            await strace.WaitForExitAsync(Ct);
            await AssertBrokenAsync(client, refused, stored);
        }

        await AssertWholeAfterRestartAsync(stored);
    }

    [Fact]
    public async Task A_failed_sync_of_the_database_itself_ends_all_writing_too()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/strace"), "The fault is made with strace.");
        int stored;
        await using (var server = await ServerProcess.StartAsync(_folder))
        {
            using var client = server.Client();
            using var strace = await StraceAsync(server.Id, "-P", Path.Combine(_folder, "memoir.db"));
            Assert.SkipWhen(strace is null, "This machine does not let one process trace another.");
            (stored, var status, var slug) = await StoreUntilRefusedAsync(client, new string('x', 50_000), atMost: 2000);
            strace!.Kill();
            await strace.WaitForExitAsync(Ct);
            await AssertBrokenAsync(client, (status, slug), stored);
        }

        await AssertWholeAfterRestartAsync(stored);
    }

    [Fact]
    public async Task An_orderly_stop_after_a_failed_sync_leaves_the_log_to_the_next_start()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/strace"), "The fault is made with strace.");
        int stored;
        await using (var server = await ServerProcess.StartAsync(_folder))
        {
            using var client = server.Client();
            stored = (await StoreUntilRefusedAsync(client, "before", atMost: 5)).Stored;
            using var strace = await StraceAsync(server.Id);
            Assert.SkipWhen(strace is null, "This machine does not let one process trace another.");
            await RefusalAsync(client);
            strace!.Kill();
            await strace.WaitForExitAsync(Ct);

            server.Terminate();
            await server.ExitAsync();
        }

        Assert.True(new FileInfo(Path.Combine(_folder, "memoir.db-wal")).Length > 0);
        await AssertWholeAfterRestartAsync(stored);
    }

    private static async Task AssertBrokenAsync(HttpClient client, (int Status, string? Slug) refused, int stored)
    {
        Assert.Equal((503, "urn:memoir:problem:storage-unavailable"), refused);
        Assert.Equal(refused, await RefusalAsync(client));
        Assert.Equal(stored, await CountAsync(client));
        using var ready = await client.GetAsync(new Uri("/v1/admin/readiness", UriKind.Relative), Ct);
        Assert.Equal(503, (int)ready.StatusCode);
    }

    private async Task AssertWholeAfterRestartAsync(int stored)
    {
        await using var server = await ServerProcess.StartAsync(_folder);
        using var client = server.Client();

        Assert.InRange(await CountAsync(client), stored, stored + 1); // What was refused with 503 may be in the log all the same.
        Assert.Equal(202, await StatusAsync(client, "after"));
    }

    private static async Task<(int Stored, int Status, string? Slug)> StoreUntilRefusedAsync(HttpClient client, string content, int atMost)
    {
        for (var stored = 0; stored < atMost; stored++)
        {
            using var answer = await PostAsync(client, content);
            if (!answer.IsSuccessStatusCode)
            {
                return (stored, (int)answer.StatusCode, await SlugAsync(answer));
            }
        }

        return (atMost, 202, null);
    }

    private static async Task<(int Status, string? Slug)> RefusalAsync(HttpClient client)
    {
        using var answer = await PostAsync(client, "refused");
        return ((int)answer.StatusCode, await SlugAsync(answer));
    }

    private static async Task<int> StatusAsync(HttpClient client, string content)
    {
        using var answer = await PostAsync(client, content);
        return (int)answer.StatusCode;
    }

    private static Task<HttpResponseMessage> PostAsync(HttpClient client, string content) => client.PostAsJsonAsync(
        "/v1/messages", new { tenant_id = "default", conversation_id = "c", role = "user", content }, Ct);

    private static async Task<string?> SlugAsync(HttpResponseMessage answer) =>
        (await answer.Content.ReadFromJsonAsync<JsonElement>(Ct)).TryGetProperty("type", out var type) ? type.GetString() : null;

    private static async Task<int> CountAsync(HttpClient client)
    {
        var list = await client.GetFromJsonAsync<JsonElement>("/v1/conversations", Ct);
        return list.GetProperty("items")[0].GetProperty("message_count").GetInt32();
    }

    private static void Fill(string path)
    {
        using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0);
        var page = new byte[4096];
        try
        {
            while (true)
            {
                file.Write(page);
            }
        }
        catch (IOException)
        {
            // Full: that is what was wanted.
        }
    }

    private static async Task<Process?> StraceAsync(int process, params string[] only)
    {
        var start = new ProcessStartInfo("strace") { RedirectStandardError = true };
        foreach (var argument in (string[])["-f", "-p", $"{process}", "-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO", .. only])
        {
            start.ArgumentList.Add(argument);
        }

        var strace = Process.Start(start)!;
        while (await strace.StandardError.ReadLineAsync(Ct) is { } line)
        {
            if (line.Contains("attached", StringComparison.Ordinal))
            {
                _ = strace.StandardError.ReadToEndAsync(Ct);
                return strace;
            }
        }

        strace.Dispose();
        return null;
    }

    private static int Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode;
    }
}
