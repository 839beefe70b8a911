using Memoir.Tests.Testing;

namespace Memoir.Tests.Server.Commands;

public sealed class CommandTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("memoir").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("import", "help")]
    [InlineData("eval", "--help")]
    [InlineData("demo", "-h")]
    [InlineData("healthcheck", "help")]
    public async Task The_help_names_every_command(string command, string word)
    {
        var ending = await ServerProcess.RunAsync(_folder, word);

        Assert.Equal(0, ending.Code);
        Assert.Contains($"  {command} ", ending.Output, StringComparison.Ordinal);
        Assert.Contains("  serve ", ending.Output, StringComparison.Ordinal);
        Assert.Empty(ending.Errors);
    }

    [Theory]
    [InlineData("--dry-run", "help", "import")]
    [InlineData("--no-load", "eval", "--help")]
    [InlineData("--url", "demo", "-h")]
    [InlineData("--ready", "help", "healthcheck")]
    [InlineData("--check", "help", "copy")]
    [InlineData("answers requests", "serve", "--help")]
    [InlineData("environment variables", "help", "serve")]
    public async Task A_command_has_a_help_of_its_own(string says, params string[] arguments)
    {
        var ending = await ServerProcess.RunAsync(_folder, arguments);

        Assert.Equal(0, ending.Code);
        Assert.Contains(says, ending.Output, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task The_version_is_one_line()
    {
        var ending = await ServerProcess.RunAsync(_folder, "--version");

        Assert.Equal((0, ""), (ending.Code, ending.Errors));
        Assert.Matches(@"^memoir \d+\.\d+\.\d+\n$", ending.Output);
    }

    [Theory]
    [InlineData("import: there is no option --tenat", "import", "--tenat", "a", "file")]
    [InlineData("import: FILE is missing", "import")]
    [InlineData("import: one FILE at a time", "import", "a", "b")]
    [InlineData("import: --tenant must be 1 to 128", "import", "--tenant", "a b", "file")]
    [InlineData("import: --url must be an address", "import", "--url", "localhost", "file")]
    [InlineData("import: --format must be one of auto, chatgpt, jsonl", "import", "--format", "csv", "file")]
    [InlineData("eval: --no-load and --tenant go together", "eval", "--tenant", "a", "file")]
    [InlineData("eval: --top-k must be a whole number from 1 to 100", "eval", "--top-k", "0", "file")]
    [InlineData("demo: unexpected: file", "demo", "file")]
    [InlineData("there is no command sevre; there are serve, api, worker, demo, import, export, eval, export-document, import-document, migrate, copy, backup, restore, recover, audit, loadtest, healthcheck, doctor", "sevre")]
    [InlineData("there is no command sevre", "help", "sevre")]
    public async Task A_wrong_command_line_is_64_and_one_line(string says, params string[] arguments)
    {
        var ending = await ServerProcess.RunAsync(_folder, arguments);

        Assert.Equal(64, ending.Code);
        Assert.StartsWith($"memoir: {says}", Assert.Single(ending.ErrorLines), StringComparison.Ordinal);
        Assert.Empty(ending.Output);
    }

    [Theory]
    [InlineData("import")]
    [InlineData("eval")]
    public async Task A_file_that_is_not_there_is_66(string command)
    {
        var ending = await ServerProcess.RunAsync(_folder, command, Path.Combine(_folder, "none"));

        Assert.Equal(66, ending.Code);
        Assert.Contains("cannot be read", Assert.Single(ending.ErrorLines), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wrong_setting_stops_a_command_as_it_stops_the_server()
    {
        var ending = await ServerProcess.RunAsync(_folder, [("MEMORY_DATABASE_POOL_SIZE", "0")], "demo");

        Assert.Equal(78, ending.Code);
        Assert.StartsWith("memoir: MEMORY_DATABASE_POOL_SIZE: ", Assert.Single(ending.ErrorLines), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_demo_needs_no_server_and_leaves_nothing()
    {
        var first = await ServerProcess.RunAsync(_folder, [("TMPDIR", _folder)], "demo");
        var second = await ServerProcess.RunAsync(_folder, [("TMPDIR", _folder)], "demo");

        Assert.Equal((0, 0, "", ""), (first.Code, second.Code, first.Errors, second.Errors));
        Assert.Contains("The main stargazing night is shifted to Mount Cook", first.Output, StringComparison.Ordinal);
        Assert.DoesNotContain('\e', first.Output);
        Assert.Empty(Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public async Task The_demo_leaves_other_tenants_of_a_running_server_alone()
    {
        await using var server = await ServerProcess.StartAsync(_folder);
        (string, string)[] address = [("MEMORY_PORT", $"{server.Address.Port}")];

        var first = await ServerProcess.RunAsync(_folder, address, "demo");
        var second = await ServerProcess.RunAsync(_folder, address, "demo");

        Assert.Equal((0, 0), (first.Code, second.Code));
        using var client = server.Client();
        Assert.Empty((await client.ReadAsync("/v1/conversations")).Items());
        var demo = (await client.ReadAsync("/v1/conversations?tenant_id=demo&limit=200")).Items();
        Assert.Equal(464, demo.Sum(conversation => conversation.GetProperty("message_count").GetInt32()));
        var found = (await client.SearchAsync("stargazing", ("tenant_id", "demo"))).Items()[0];
        Assert.Empty((await client.ReadAsync($"/v1/messages/{found.Text("message_id")}/history?tenant_id=demo")).Items());
    }
}
