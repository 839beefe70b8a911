using System.Net;
using System.Net.Http.Json;
using Memoir.Tests.Server.Backups;
using Memoir.Tests.Testing;

namespace Memoir.Tests.Hostile;

/// <summary>X03: where the secrets of a running server can be seen from outside it.</summary>
public sealed class ExposureTests : IDisposable
{
    private const string Key = "operator-key-that-nobody-may-see-91";
    private const string Secret = "installation-secret-that-nobody-may-see-0123456789";

    private readonly string _folder = Directory.CreateTempSubdirectory("memoir").FullName;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Secrets_are_in_private_files_and_nowhere_else()
    {
        if (!OperatingSystem.IsLinux())
        {
            Assert.Skip("needs /proc and modes of files");
            return;
        }

        var data = Path.Combine(_folder, "data");
        await using var server = await ServerProcess.StartAsync(
            data, ("MEMORY_API_KEYS", Key), ("MEMORY_SECRET_KEY", Secret), ("MEMORY_LOG_LEVEL", "TRACE"));
        using var client = server.Client();
        client.DefaultRequestHeaders.Add("x-api-key", Key);
        var made = Wire.Parse(await (await client.PostAsJsonAsync("/v1/admin/keys", new { name = "one" }, Ct)).Content.ReadAsStringAsync(Ct)).Text("key")!;
        await client.StoreAsync("Tea at five.");
        Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync($"/v1/messages/{Guid.Empty}", Ct)).StatusCode);

        var commandLine = await File.ReadAllTextAsync($"/proc/{server.Id}/cmdline", Ct);
        var files = Directory.GetFiles(data, "*", SearchOption.AllDirectories);
        var open = files.Where(file => (BackupFixture.ModeOf(file) & (UnixFileMode)0b000_111_111) != 0).Select(Path.GetFileName);

        Assert.Empty(open);
        Assert.Equal((UnixFileMode)0b111_000_000, File.GetUnixFileMode(data));
        server.Terminate();
        var ending = await server.ExitAsync();
        foreach (var secret in (string[])[Key, Secret, made])
        {
            Assert.DoesNotContain(secret, commandLine, StringComparison.Ordinal);
            Assert.DoesNotContain(secret, ending.Output + ending.Errors, StringComparison.Ordinal);
            Assert.All(files.Where(File.Exists), file => Assert.Equal(-1, File.ReadAllBytes(file).AsSpan().IndexOf(System.Text.Encoding.UTF8.GetBytes(secret))));
        }
    }
}
