using System.Text;
using System.Text.Json;
using Memoir.Tests.Testing;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Commands;

public sealed class ImportTests : IDisposable
{
    private static readonly JsonSerializerOptions Plain = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly string _folder = Directory.CreateTempSubdirectory("memoir").FullName;

    private string File => Path.Combine(_folder, "messages.jsonl");

    private string Rejected => File + ".rejected.jsonl";

    private string Data => Path.Combine(_folder, "data");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task An_import_goes_through_the_running_server_and_a_second_one_changes_nothing()
    {
        await using var server = await ServerProcess.StartAsync(Data);
        await WriteAsync(Enumerable.Range(1, 1500).Select(i => Line($"message {i}")));

        var first = await ImportAsync(server, "--user", "ann");
        var second = await ImportAsync(server, "--user", "ann");

        Assert.Equal((0, 0), (first.Code, second.Code));
        Assert.StartsWith("1,500 messages are in tenant default", first.Output, StringComparison.Ordinal);
        Assert.DoesNotContain(first.Output + first.Errors, c => char.IsControl(c) && c != '\n');
        using var client = server.Client();
        Assert.Equal(1500, await CountAsync(client));
        var found = (await client.SearchAsync("message 777")).Items()[0];
        Assert.Equal(("message 777", "ann"), (found.Text("content"), found.Text("user_id")));
        Assert.Empty((await client.ReadAsync($"/v1/messages/{found.Text("message_id")}/history")).Items());
        Assert.Equal(["messages.jsonl"], Directory.GetFiles(_folder).Select(Path.GetFileName));
    }

    [Fact]
    public async Task Where_no_server_runs_the_database_itself_is_opened()
    {
        await WriteAsync([Line("My puppy is called Biscuit.")]);

        var ending = await ServerProcess.RunAsync(Data, "import", File, "--tenant", "acme");

        Assert.Equal(0, ending.Code);
        Assert.Contains("no server runs", ending.Errors, StringComparison.Ordinal);
        await using var server = await ServerProcess.StartAsync(Data);
        using var client = server.Client();
        Assert.Equal(["My puppy is called Biscuit."], (await client.SearchAsync("puppy", ("tenant_id", "acme"))).Each("content"));
    }

    [Fact]
    public async Task A_database_held_by_a_server_that_cannot_be_reached_is_69_and_one_line()
    {
        await using var server = await ServerProcess.StartAsync(Data);
        await WriteAsync([Line("x")]);

        var ending = await ServerProcess.RunAsync(Data, "import", File); // Looks at another port.

        Assert.Equal(69, ending.Code);
        Assert.Matches("no Memoir answers at .*--url .*memoir.db is in use", Assert.Single(ending.ErrorLines));
    }

    [Fact]
    public async Task A_named_server_that_does_not_answer_is_not_replaced_by_the_database()
    {
        await WriteAsync([Line("x")]);

        var ending = await ServerProcess.RunAsync(Data, "import", File, "--url", "http://127.0.0.1:1");

        Assert.Equal(69, ending.Code);
        Assert.False(Directory.Exists(Data));
    }

    [Fact]
    public async Task The_key_comes_from_the_environment()
    {
        const string key = "a-key-for-this-test-0123456789";
        await using var server = await ServerProcess.StartAsync(Data, ("MEMORY_API_KEYS", key));
        await WriteAsync([Line("x")]);

        var without = await ImportAsync(server);
        var wrong = await ImportAsync(server, [("MEMORY_API_KEY", key + "x")]);
        var right = await ImportAsync(server, [("MEMORY_API_KEY", key)]);
        var operators = await ImportAsync(server, [("MEMORY_API_KEYS", key)]);

        Assert.Equal((77, 77, 0, 0), (without.Code, wrong.Code, right.Code, operators.Code));
        Assert.Contains("MEMORY_API_KEY", without.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain(key, without.Errors + wrong.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Bad_lines_are_refused_by_their_number_and_the_good_ones_stored()
    {
        await WriteAsync([
            Line("one") + "\r", "", "  ", """{"conversation_id":"c","role":"user"}""", "{not json}", Line("two\u2028lines"),
            """{"conversation_id":"c","role":"boss","content":"x"}""", """{"conversation_id":"c","role":"user","content":"x","colour":1}""",
            """{"conversation_id":"c","role":"user","content":"half \ud83d"}""", new string('x', 3_000_000), Line("three")]);

        var ending = await ServerProcess.RunAsync(Data, "import", File);

        Assert.Equal(65, ending.Code);
        Assert.StartsWith("3 messages are in tenant default", ending.Output, StringComparison.Ordinal);
        Assert.Contains("Refused: 6", ending.Output, StringComparison.Ordinal);
        var rejected = (await System.IO.File.ReadAllLinesAsync(Rejected, Ct)).Select(Parse).ToList();
        Assert.Equal([4, 5, 7, 8, 9, 10], rejected.Select(line => line.GetProperty("line").GetInt32()));
        Assert.Equal("{not json}", rejected[1].Text("text"));
        string[] reasons = ["content", "JSON", "role", "colour", "surrogate", "longer than 2097152 bytes"];
        Assert.All(reasons.Zip(rejected), pair => Assert.Contains(pair.First, pair.Second.Text("reason"), StringComparison.Ordinal));
        Assert.True(OperatingSystem.IsWindows() || System.IO.File.GetUnixFileMode(Rejected) == (UnixFileMode.UserRead | UnixFileMode.UserWrite));
    }

    [Fact]
    public async Task A_dry_run_says_what_would_be_and_writes_nothing()
    {
        await WriteAsync([Line("one"), "{}"]);

        var ending = await ServerProcess.RunAsync(Data, "import", File, "--dry-run");

        Assert.Equal(65, ending.Code);
        Assert.Contains("1 messages could be stored", ending.Output, StringComparison.Ordinal);
        Assert.Contains("line 2: ", ending.Errors, StringComparison.Ordinal);
        Assert.Equal([File], Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public async Task Lines_name_their_tenants_or_leave_them_to_the_command()
    {
        await WriteAsync([Line("a", ("tenant_id", "one")), Line("b", ("tenant_id", "two")), Line("c")]);

        var free = await ServerProcess.RunAsync(Data, "import", File);
        var bound = await ServerProcess.RunAsync(Data, "import", File, "--tenant", "one");

        Assert.Equal((0, 65), (free.Code, bound.Code));
        Assert.Contains("line 2: tenant_id: is another tenant than --tenant", bound.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Killed_at_any_moment_and_run_again_nothing_is_lost_and_nothing_is_twice()
    {
        await using var server = await ServerProcess.StartAsync(Data);
        await using var gate = await GateProxy.StartAsync(server.Address, closesAt: 13);
        await WriteAsync([Line("first"), "bad", .. Enumerable.Range(1, 14_500).Select(i => Line($"message {i}", ("conversation_id", $"c{i % 100}")))]);
        await using (var killed = ServerProcess.Begin(Data, [], "import", File, "--url", $"{gate.Address}"))
        {
            await gate.ReachedAsync();
            killed.Kill();
            Assert.Equal(137, (await killed.ExitAsync()).Code);
        }

        gate.Open();
        var second = await ServerProcess.RunAsync(Data, "import", File, "--url", $"{gate.Address}");

        Assert.Equal(65, second.Code);
        Assert.Contains("an earlier run came to line", second.Errors, StringComparison.Ordinal);
        Assert.InRange(gate.Batches, 1, 6); // Not the ten that were acknowledged and noted.
        Assert.StartsWith("14,501 messages are in tenant default", second.Output, StringComparison.Ordinal);
        Assert.Single(await System.IO.File.ReadAllLinesAsync(Rejected, Ct));
        Assert.False(System.IO.File.Exists(File + ".progress.json"));
        using var client = server.Client();
        Assert.Equal(14_501, await CountAsync(client));
        foreach (var i in (int[])[1, 9_000, 11_500, 12_500, 14_500])
        {
            var found = (await client.SearchAsync($"message {i}", ("conversation_id", $"c{i % 100}"))).Items()[0];
            Assert.Equal($"message {i}", found.Text("content"));
            Assert.Empty((await client.ReadAsync($"/v1/messages/{found.Text("message_id")}/history")).Items());
        }
    }

    [Fact]
    public async Task A_note_of_progress_is_not_believed_when_the_server_lacks_what_it_names()
    {
        await using var server = await ServerProcess.StartAsync(Data);
        await using var gate = await GateProxy.StartAsync(server.Address, closesAt: 12);
        await WriteAsync(Enumerable.Range(1, 12_500).Select(i => Line($"message {i}")));
        await using (var killed = ServerProcess.Begin(Data, [], "import", File, "--url", $"{gate.Address}"))
        {
            await gate.ReachedAsync();
            killed.Kill();
            await killed.ExitAsync();
        }

        Assert.True(System.IO.File.Exists(File + ".progress.json"));
        var elsewhere = await ServerProcess.RunAsync(Path.Combine(_folder, "other"), "import", File);

        Assert.Equal(0, elsewhere.Code);
        Assert.StartsWith("12,500 messages are in tenant default (12,500 sent", elsewhere.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_is_busy_is_asked_again_and_one_that_takes_less_gets_less()
    {
        await using var server = await ServerProcess.StartAsync(Data);
        await using var gate = await GateProxy.StartAsync(server.Address, closesAt: int.MaxValue);
        gate.RefuseNext(429, "0");
        gate.RefuseNext(503, "0");
        gate.RefuseNext(413, "");
        await WriteAsync(Enumerable.Range(1, 10).Select(i => Line($"message {i}")));

        var ending = await ServerProcess.RunAsync(Data, "import", File, "--url", $"{gate.Address}");

        Assert.Equal((0, 5), (ending.Code, gate.Batches));
        using var client = server.Client();
        Assert.Equal(10, await CountAsync(client));
    }

    [Theory]
    [InlineData("a,b\n1,2\n")]
    [InlineData("\uFFFE{}")]
    public async Task A_file_of_another_format_is_65_and_one_line(string text)
    {
        await System.IO.File.WriteAllTextAsync(File, text, Ct);

        var ending = await ServerProcess.RunAsync(Data, "import", File);

        Assert.Equal(65, ending.Code);
        Assert.Contains("is neither a ChatGPT export", Assert.Single(ending.ErrorLines), StringComparison.Ordinal);
    }

    private static string Line(string content, params (string Name, object? Value)[] members)
    {
        var line = Message(content, members);
        if (!members.Any(member => member.Name == "tenant_id"))
        {
            line.Remove("tenant_id");
        }

        return JsonSerializer.Serialize(line, Plain);
    }

    private static async Task<int> CountAsync(HttpClient client) =>
        (await client.ReadAsync("/v1/conversations?limit=200")).Items().Sum(conversation => conversation.GetProperty("message_count").GetInt32());

    private Task WriteAsync(IEnumerable<string> lines) => System.IO.File.WriteAllTextAsync(File, string.Join('\n', lines), new UTF8Encoding(true), Ct);

    private Task<ServerProcess.Ending> ImportAsync(ServerProcess server, params string[] options) => ImportAsync(server, [], options);

    private Task<ServerProcess.Ending> ImportAsync(ServerProcess server, (string, string)[] variables, params string[] options) =>
        ServerProcess.RunAsync(Data, [("MEMORY_PORT", $"{server.Address.Port}"), .. variables], ["import", File, .. options]);
}
