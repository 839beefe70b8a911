using Memoir.Tests.Testing;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Commands;

public sealed class ExportCommandTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("memoir-export-").FullName;

    private string Data => Path.Combine(_folder, "data");

    private string File => Path.Combine(_folder, "acme.jsonl");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_tenant_goes_into_a_file_and_back_into_another_database()
    {
        await using (var server = await ServerProcess.StartAsync(Data))
        {
            using var client = server.Client();
            await client.StoreManyAsync(Enumerable.Range(0, 50).Select(i => Message($"My puppy number {i} is called Biscuit.", ("external_id", $"p{i}"), ("user_id", i < 10 ? "ann" : "bob"))));
        }

        var exported = await ServerProcess.RunAsync(Data, "export", "--tenant", "acme", "--to", File);
        var one = await ServerProcess.RunAsync(Data, "export", "--tenant", "acme", "--user", "ann");
        var imported = await ServerProcess.RunAsync(Path.Combine(_folder, "other"), "import", File, "--tenant", "moved");
        var again = await ServerProcess.RunAsync(Path.Combine(_folder, "other"), "import", File, "--tenant", "moved");

        Assert.Equal((0, 0, 0, 0), (exported.Code, one.Code, imported.Code, again.Code));
        Assert.Equal(52, (await System.IO.File.ReadAllLinesAsync(File, Ct)).Length);
        Assert.Equal(12, one.Output.TrimEnd('\n').Split('\n').Length);
        Assert.StartsWith("50 memories with 0 versions are new in tenant moved, 0 were there.", imported.Output, StringComparison.Ordinal);
        Assert.StartsWith("0 memories with 0 versions are new in tenant moved, 50 were there.", again.Output, StringComparison.Ordinal);
        Assert.True(OperatingSystem.IsWindows() || System.IO.File.GetUnixFileMode(File) == (UnixFileMode.UserRead | UnixFileMode.UserWrite));
        Assert.Equal([File], Directory.GetFiles(_folder));
    }

    [Fact]
    public async Task An_export_that_fails_leaves_what_was_there()
    {
        await System.IO.File.WriteAllTextAsync(File, "before", Ct);

        var ending = await ServerProcess.RunAsync(Data, "export", "--tenant", "acme", "--to", File, "--url", "http://127.0.0.1:1");

        Assert.Equal(69, ending.Code);
        Assert.Equal("before", await System.IO.File.ReadAllTextAsync(File, Ct));
    }

    [Fact]
    public async Task A_file_that_is_no_export_is_65()
    {
        await System.IO.File.WriteAllTextAsync(File, "{}\n", Ct);

        Assert.Equal(65, (await ServerProcess.RunAsync(Data, "import", File, "--format", "memoir")).Code);
    }
}
