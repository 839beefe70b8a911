using Memoir.Kit.Security;
using Memoir.Tests.Testing;

namespace Memoir.Tests.Server.Commands;

/// <summary>The doctor says what is not well, in a line each, and ends accordingly.</summary>
public sealed class DoctorTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("memoir").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task On_a_new_machine_all_is_well_and_nothing_is_made()
    {
        var ending = await ServerProcess.RunAsync(_folder, "doctor");

        Assert.Equal((0, ""), (ending.Code, ending.Errors));
        Assert.Equal(["configuration", "secret", "database", "disk", "backups", "embeddings"], Checks(ending.Output, "ok"));
        Assert.Empty(Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public async Task Beside_a_running_server_it_asks_whether_that_is_ready()
    {
        await using var server = await ServerProcess.StartAsync(_folder);

        var ending = await ServerProcess.RunAsync(_folder, [("MEMORY_PORT", $"{server.Address.Port}")], "doctor");

        Assert.Equal(0, ending.Code);
        Assert.Contains($"served and ready at http://127.0.0.1:{server.Address.Port}/", LineOf("database", ending.Output), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_database_that_somebody_holds_who_does_not_answer_is_an_error()
    {
        await using var server = await ServerProcess.StartAsync(_folder);

        var ending = await ServerProcess.RunAsync(_folder, [("MEMORY_PORT", "9")], "doctor");

        Assert.Equal(69, ending.Code);
        Assert.StartsWith("error", LineOf("database", ending.Output), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_damaged_page_is_found()
    {
        await StartOnceAsync();
        await using (var file = File.OpenWrite(Path.Combine(_folder, "memoir.db")))
        {
            file.Seek(5 * 4096, SeekOrigin.Begin);
            file.Write(Enumerable.Repeat((byte)0xA5, 4096).ToArray());
        }

        var ending = await ServerProcess.RunAsync(_folder, "doctor");

        Assert.Equal(65, ending.Code);
        Assert.Contains("memoir.db is damaged: ", LineOf("database", ending.Output), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_clock_that_was_set_back_is_found()
    {
        await StartOnceAsync();
        File.SetLastWriteTimeUtc(Path.Combine(_folder, "memoir.db"), TimeProvider.System.GetUtcNow().UtcDateTime.AddHours(1));

        var ending = await ServerProcess.RunAsync(_folder, "doctor");

        Assert.Equal(69, ending.Code);
        Assert.Contains("was set back", LineOf("clock", ending.Output), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_secret_that_others_can_read_is_found()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs modes of files");
        await StartOnceAsync();
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(Path.Combine(_folder, InstanceKeys.FileName), (UnixFileMode)0b110_100_100);
        }

        var ending = await ServerProcess.RunAsync(_folder, "doctor");

        Assert.Equal(78, ending.Code);
        Assert.Contains("can be read by others", LineOf("secret", ending.Output), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(30, "86400", 0, "ok")]
    [InlineData(50, "86400", 69, "error")]
    [InlineData(30, "off", 0, "warning")]
    public async Task A_backup_that_is_older_than_planned_is_an_error(int hours, string period, int code, string level)
    {
        var at = TimeProvider.System.GetUtcNow().AddHours(-hours).UtcDateTime.ToString("yyyyMMdd'T'HHmmss'Z'", System.Globalization.CultureInfo.InvariantCulture);
        var backups = Directory.CreateDirectory(Path.Combine(_folder, "backups")).FullName;
        await File.WriteAllTextAsync(Path.Combine(backups, $"memoir-{at}.backup"), "", TestContext.Current.CancellationToken);

        var ending = await ServerProcess.RunAsync(_folder, [("MEMORY_BACKUP_SCHEDULE_SECONDS", period)], "doctor");

        Assert.Equal(code, ending.Code);
        Assert.StartsWith(level, LineOf("backups", ending.Output), StringComparison.Ordinal);
        Assert.Contains($"{hours} hours old", LineOf("backups", ending.Output), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("MEMORY_PORT", "abc", "configuration", 78)]
    [InlineData("MEMORY_SECRET_KEY", "short", "configuration", 78)]
    [InlineData("MEMORY_DATABASE_URL", "postgresql://nobody:none@127.0.0.1:9/none", "database", 69)]
    public async Task What_is_wrong_is_an_error_with_its_code(string variable, string value, string check, int code)
    {
        var ending = await ServerProcess.RunAsync(_folder, [(variable, value)], "doctor");

        Assert.Equal(code, ending.Code);
        Assert.StartsWith("error", LineOf(check, ending.Output), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_embedding_provider_that_cannot_be_reached_is_an_error()
    {
        var ending = await ServerProcess.RunAsync(
            _folder, [("MEMORY_EMBEDDING_PROVIDER", "openai"), ("MEMORY_EMBEDDING_BASE_URL", "http://127.0.0.1:9/v1")], "doctor");

        Assert.Equal(69, ending.Code);
        Assert.Contains("cannot be reached", LineOf("embeddings", ending.Output), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Whom_nobody_can_reach_is_warned_and_not_refused()
    {
        var ending = await ServerProcess.RunAsync(_folder, [("MEMORY_HOST", "0.0.0.0")], "doctor");

        Assert.Equal(0, ending.Code);
        Assert.StartsWith("warning", LineOf("configuration", ending.Output), StringComparison.Ordinal);
    }

    private static string LineOf(string check, string output) =>
        Assert.Single(output.Split('\n'), line => line.Contains($" {check} ", StringComparison.Ordinal));

    private static IEnumerable<string> Checks(string output, string level) => output.Split('\n')
        .Where(line => line.StartsWith(level, StringComparison.Ordinal)).Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]);

    private async Task StartOnceAsync()
    {
        await using var server = await ServerProcess.StartAsync(_folder);
        server.Terminate();
        await server.ExitAsync();
    }
}
