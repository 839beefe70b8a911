using System.Text.Json;
using System.Text.Json.Nodes;
using Memoir.Tests.Server.Documents;
using Memoir.Tests.Testing;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Commands;

public sealed class DocumentCommandTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("memoir-documents-").FullName;

    private string Data => Path.Combine(_folder, "data");

    private string File => Path.Combine(_folder, "memory.json");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Memories_go_into_a_file_and_back_into_another_database()
    {
        var full = FullMemory.Large(3);
        await using (var server = await ServerProcess.StartAsync(Data))
        {
            using var client = server.Client();
            client.DefaultRequestHeaders.Add("X-Tenant-ID", "acme");
            await client.PutMemoryAsync(full.ToJsonString(), "/memory/a%2Fb");
        }

        await StoreManyAsync("acme", 205);
        var exported = await RunAsync("export-document", "--tenant", "acme", "--to", File);
        var imported = await ServerProcess.RunAsync(Path.Combine(_folder, "other"), "import-document", File, "--tenant", "moved");
        var again = await ServerProcess.RunAsync(Path.Combine(_folder, "other"), "import-document", File, "--tenant", "moved");
        var back = await ServerProcess.RunAsync(Path.Combine(_folder, "other"), "export-document", "--tenant", "moved");

        Assert.True((exported.Code, imported.Code, again.Code, back.Code) == (0, 0, 0, 0), exported.Errors + imported.Errors + again.Errors + back.Errors);
        Assert.Contains("206 structured memories", exported.Errors, StringComparison.Ordinal);
        Assert.Contains("206 stored, 0 left as they are", imported.Errors, StringComparison.Ordinal);
        Assert.Contains("0 stored, 206 left as they are", again.Errors, StringComparison.Ordinal);
        Assert.Equal(await System.IO.File.ReadAllTextAsync(File, Ct), back.Output);
        Assert.True(JsonNode.DeepEquals(full, JsonNode.Parse(back.Output)!["a/b"]));
        Assert.True(OperatingSystem.IsWindows() || System.IO.File.GetUnixFileMode(File) == (UnixFileMode.UserRead | UnixFileMode.UserWrite));
    }

    [Theory]
    [InlineData("""{"ann":{"profile":{"name":"Ann"}},"bob":{"profile":{"name":"Bob"}}}""", 2)]
    [InlineData("""{"ann":{"user_id":"ann","profile":{"name":"Ann"}}}""", 1)]
    [InlineData("""[{"user_id":"bob"},{"user_id":"ann","profile":{"name":"Ann"}}]""", 2)]
    [InlineData("""{"user_id":"ann","profile":{"name":"Ann"}}""", 1)]
    [InlineData("""{"profile":{"name":"Ann"},"events":[]}""", 1, "--user", "ann")]
    [InlineData("""{"user_id":"ann","profile":{"name":"Ann"}}""", 1, "--user", "ann")]
    [InlineData("{}", 0)]
    [InlineData("[]", 0)]
    public async Task Every_form_of_such_a_file_is_taken(string text, int stored, params string[] more)
    {
        await System.IO.File.WriteAllTextAsync(File, text, Ct);

        var ending = await RunAsync(["import-document", File, .. more]);

        Assert.True(ending.Code == 0, ending.Errors);
        Assert.Contains($"{stored} stored", ending.Errors, StringComparison.Ordinal);
        if (stored > 0)
        {
            var one = await RunAsync("export-document", "--user", "ann");
            Assert.Equal((0, "ann", "Ann"), (one.Code, Parse(one.Output).Text("user_id"), Parse(one.Output).Name()));
        }
    }

    [Theory]
    [InlineData("{", 65)]
    [InlineData("", 65)]
    [InlineData("7", 65)]
    [InlineData("null", 65)]
    [InlineData("[7]", 65)]
    [InlineData("""[{"profile":{}}]""", 65)]
    [InlineData("""{"profile":{"name":"Ann"}}""", 65)]
    [InlineData("""{"ann":7}""", 65)]
    [InlineData("""{"ann":{},"ann":{}}""", 65)]
    [InlineData("""{"ann":{"user_id":"bob"}}""", 65)]
    [InlineData("""{"user_id":"bob","profile":{}}""", 65, "--user", "ann")]
    [InlineData("{}", 64, "--tenant", "no such tenant")]
    [InlineData("{}", 64, "--unknown")]
    [InlineData("{}", 64, "another file")]
    [InlineData("""{"ann":{}}""", 69, "--url", "http://127.0.0.1:1")]
    public async Task What_is_no_such_file_is_refused_and_nothing_stored(string text, int code, params string[] more)
    {
        await System.IO.File.WriteAllTextAsync(File, text, Ct);

        var ending = await RunAsync(["import-document", File, .. more]);

        Assert.True(ending.Code == code, $"{ending.Code}: {ending.Errors}");
        Assert.Single(ending.ErrorLines, line => line.StartsWith("memoir", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_is_refused_is_named_and_the_others_are_stored()
    {
        await System.IO.File.WriteAllTextAsync(File, """{"ann":{"profile":{"name":"Ann"}},"bob":{"surprise":1},"carol":{"profile":{"weekly_planning":{"planning_day":"noday"}}},"dora":{"profile":{"preferences":{"a":1,"a":2}}}}""", Ct);

        var ending = await RunAsync("import-document", File);

        Assert.Equal(65, ending.Code);
        Assert.Contains("1 stored, 0 left as they are (--overwrite replaces them), 3 refused", ending.Errors, StringComparison.Ordinal);
        Assert.Contains("bob: ", ending.Errors, StringComparison.Ordinal);
        Assert.Contains("surprise", ending.Errors, StringComparison.Ordinal);
        Assert.Contains("planning_day", ending.Errors, StringComparison.Ordinal);
        Assert.Equal(0, (await RunAsync("export-document", "--user", "ann")).Code);
        Assert.Equal(66, (await RunAsync("export-document", "--user", "bob")).Code);
    }

    [Fact]
    public async Task Overwriting_replaces_and_the_history_keeps_what_was()
    {
        await using var server = await ServerProcess.StartAsync(Data);
        using var client = server.Client();
        await client.PutMemoryAsync(UserMemory.Named("old"));
        await System.IO.File.WriteAllTextAsync(File, """{"ann":{"profile":{"name":"new"}}}""", Ct);

        var kept = await RunAsync("import-document", File, "--url", server.Address.ToString());
        var keptName = (await client.ReadAsync(UserMemory.Ann)).Name();
        var replaced = await RunAsync("import-document", File, "--overwrite", "--url", server.Address.ToString());

        Assert.Equal((0, "old", 0), (kept.Code, keptName, replaced.Code));
        Assert.Equal("new", (await client.ReadAsync(UserMemory.Ann)).Name());
        Assert.Equal("old", (await client.ReadAsync(UserMemory.Ann + "/history/1")).Name());
    }

    [Fact]
    public async Task An_export_that_fails_leaves_what_was_there()
    {
        await System.IO.File.WriteAllTextAsync(File, "before", Ct);

        Assert.Equal(66, (await RunAsync("export-document", "--user", "nobody", "--to", File)).Code);
        Assert.Equal(69, (await RunAsync("export-document", "--to", File, "--url", "http://127.0.0.1:1")).Code);
        Assert.Equal(69, (await RunAsync("export-document", "--to", Path.Combine(_folder, "none", "x"))).Code);
        Assert.Equal(66, (await RunAsync("import-document", Path.Combine(_folder, "none"))).Code);

        Assert.Equal("before", await System.IO.File.ReadAllTextAsync(File, Ct));
    }

    private Task<ServerProcess.Ending> RunAsync(params string[] arguments) => ServerProcess.RunAsync(Data, arguments);

    private async Task StoreManyAsync(string tenant, int count)
    {
        await System.IO.File.WriteAllTextAsync(
            File, JsonSerializer.Serialize(Enumerable.Range(0, count).ToDictionary(i => $"user {i}", i => new { profile = new { name = $"name {i}" } })), Ct);
        Assert.Equal(0, (await RunAsync("import-document", File, "--tenant", tenant)).Code);
    }
}
