using System.IO.Compression;
using System.Text;
using Memoir.Tests.Testing;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Commands;

public sealed class ChatGptImportTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("memoir").FullName;

    private string Data => Path.Combine(_folder, "data");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task What_was_said_on_the_path_to_the_current_node_is_stored_in_its_order()
    {
        var first = await ImportAsync("conversations.json", ChatGptExport.Json);
        var second = await ImportAsync("conversations.json", ChatGptExport.Json);

        Assert.Equal((0, 0), (first.Code, second.Code));
        Assert.StartsWith("6 messages are in tenant default", first.Output, StringComparison.Ordinal);
        Assert.Contains(
            "Left out: 3 hidden, 2 on other branches, 1 reasoning, 1 tool calls and results.", first.Output, StringComparison.Ordinal);
        await using var server = await ServerProcess.StartAsync(Data);
        using var client = server.Client();
        var messages = (await client.ReadAsync("/v1/conversations/conv-1/messages")).Items();
        Assert.Equal(
            ["Which tram goes up to Alfama?", "Tram 28 goes up to Alfama.", "Is this the stop?\nIt has a yellow sign.", "Yes, wait there: 🚋 \"Martim Moniz\" [A]."],
            messages.Select(message => message.Text("content")));
        Assert.Equal(["user", "assistant", "user", "assistant"], messages.Select(message => message.Text("role")));
        Assert.Equal("chatgpt:conv-1/u1", messages[0].Text("external_id"));
        Assert.Equal(
            ["2025-01-01T10:00:01.250000Z", "2025-01-01T10:00:05Z", "2025-01-01T10:00:06Z", "2025-01-01T10:00:06Z"],
            messages.Select(message => message.Text("created_at")));
        Assert.Equal("""{"title":"Trip to Lisbon","model":"gpt-4o"}""", messages[1].GetProperty("metadata").GetRawText());
        Assert.Equal(
            """{"title":"Trip to Lisbon","attachments":["image_asset_pointer file-service://file-abc"]}""", messages[2].GetProperty("metadata").GetRawText());
        foreach (var message in messages)
        {
            Assert.Empty((await client.ReadAsync($"/v1/messages/{message.Text("id")}/history")).Items());
        }

        var old = (await client.ReadAsync("/v1/conversations")).Items().Single(conversation => conversation.Text("conversation_id") != "conv-1");
        Assert.Equal(
            ["An old export.", "Second try."],
            (await client.ReadAsync($"/v1/conversations/{old.Text("conversation_id")}/messages")).Each("content"));
    }

    [Fact]
    public async Task Bad_conversations_are_refused_by_number_and_the_others_stored()
    {
        var message = """{"id":"m","author":{"role":"user"},"create_time":1,"content":{"content_type":"text","parts":["TEXT"]}}""";
        string Conversation(string id, string text) =>
            $$$"""{"id":"{{{id}}}","current_node":"m","mapping":{"m":{"id":"m","parent":"m","message":{{{message.Replace("TEXT", text, StringComparison.Ordinal)}}} }} }""";

        var ending = await ImportAsync("conversations.json", $$"""
            [{{Conversation("good", "one")}}, {"id":"no mapping"}, {"id": nonsense, "x": [1]}, {{Conversation("half", @"\ud83d")}},
             {{Conversation("nul", @"a\u0000b")}}, {{Conversation("long", new string('x', 100_001))}}, 7, {{Conversation("fine", "a ] } , b")}}, {"x": [1}]}, {{Conversation("lost", "x")}}]
            """);

        Assert.Equal(65, ending.Code);
        Assert.StartsWith("2 messages are in tenant default", ending.Output, StringComparison.Ordinal);
        var rejected = (await File.ReadAllLinesAsync(Path.Combine(_folder, "conversations.json.rejected.jsonl"), Ct)).Select(Parse).ToList();
        Assert.Equal([2, 3, 4, 5, 6, 7, 9, 10], rejected.Select(line => line.GetProperty("conversation").GetInt32()));
        string[] reasons = ["mapping", "not JSON", "surrogate", "NUL", "100000", "mapping", "not JSON", "brackets"];
        Assert.All(reasons.Zip(rejected), pair => Assert.Contains(pair.First, pair.Second.Text("reason"), StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_file_that_was_cut_short_gives_what_it_has()
    {
        var ending = await ImportAsync("conversations.json", ChatGptExport.Json[..^300]);

        Assert.Equal(65, ending.Code);
        Assert.StartsWith("4 messages are in tenant default", ending.Output, StringComparison.Ordinal);
        Assert.Contains("conversation 2: the file ends in the middle of it", ending.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_archive_is_read_as_it_was_downloaded()
    {
        var ending = await ServerProcess.RunAsync(Data, "import", Zip(("chat.html", "<html>"), ("conversations.json", ChatGptExport.Json)));

        Assert.Equal(0, ending.Code);
        Assert.StartsWith("6 messages are in tenant default", ending.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("leads out of it", "../conversations.json", "x")]
    [InlineData("leads out of it", "/etc/passwd", "x")]
    [InlineData("leads out of it", @"a\..\..\b", "x")]
    [InlineData("is in it twice", "conversations.json", "[]")]
    public async Task An_unsafe_archive_is_refused_as_a_whole(string says, string name, string content)
    {
        await RefusedAsync(says, Zip(("conversations.json", ChatGptExport.Json), (name, content)));
    }

    [Fact]
    public async Task An_archive_without_conversations_is_refused() =>
        await RefusedAsync("has no conversations.json", Zip(("chat.html", "<html>")));

    [Fact]
    public async Task A_link_in_an_archive_is_refused() =>
        await RefusedAsync("is a link", Zip(("conversations.json", "/etc/passwd")), entry => entry.ExternalAttributes = 0xA1FF << 16);

    [Fact]
    public async Task A_bomb_is_refused() =>
        await RefusedAsync("becomes far larger than it is", Zip(("conversations.json", "[" + new string(' ', 64 * 1024 * 1024) + "]")));

    [Fact]
    public async Task A_changed_byte_in_an_archive_is_refused()
    {
        var path = Zip(CompressionLevel.NoCompression, ("conversations.json", ChatGptExport.Json));
        var bytes = await File.ReadAllBytesAsync(path, Ct);
        bytes[bytes.AsSpan().IndexOf("Alfama"u8)]++;
        await File.WriteAllBytesAsync(path, bytes, Ct);

        await RefusedAsync("has a wrong checksum", path);
    }

    [Fact]
    public async Task An_archive_that_was_cut_short_is_refused()
    {
        var path = Zip(("conversations.json", ChatGptExport.Json));
        await File.WriteAllBytesAsync(path, (await File.ReadAllBytesAsync(path, Ct))[..^40], Ct);

        await RefusedAsync("was it downloaded to the end?", path);
    }

    private async Task RefusedAsync(string says, string path, Action<ZipArchiveEntry>? change = null)
    {
        if (change is not null)
        {
            using var zip = ZipFile.Open(path, ZipArchiveMode.Update);
            change(zip.Entries[0]);
        }

        var ending = await ServerProcess.RunAsync(Data, "import", path);

        Assert.Equal(65, ending.Code);
        Assert.Contains(says, Assert.Single(ending.ErrorLines), StringComparison.Ordinal);
        Assert.False(Directory.Exists(Data), "something was stored");
    }

    private string Zip(params (string Name, string Content)[] files) => Zip(CompressionLevel.SmallestSize, files);

    private string Zip(CompressionLevel level, params (string Name, string Content)[] files)
    {
        var path = Path.Combine(_folder, "export.zip");
        using var zip = ZipFile.Open(path, ZipArchiveMode.Create);
        foreach (var (name, content) in files)
        {
            using var stream = zip.CreateEntry(name, level).Open();
            stream.Write(Encoding.UTF8.GetBytes(content));
        }

        return path;
    }

    private async Task<ServerProcess.Ending> ImportAsync(string name, string content)
    {
        var path = Path.Combine(_folder, name);
        await File.WriteAllTextAsync(path, content, Ct);
        return await ServerProcess.RunAsync(Data, "import", path);
    }
}
