using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Memoir.Tests.Testing;
using static Memoir.Tests.Hostile.HostileCase;

namespace Memoir.Tests.Hostile;

/// <summary>The attacks of docs/hostile-input.md that take more than one request to make or to see.</summary>
public sealed class SeveralRequestsTests(HostileServer server) : IClassFixture<HostileServer>
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Pipelined_requests_are_answered_in_order_each_for_its_own_tenant()
    {
        string[] tenants = [.. Enumerable.Range(0, 100).Select(i => i % 3 == 0 ? "acme" : "globex")];
        byte[] pipeline = [.. tenants.SelectMany(tenant => Get("/v1/memory/search?query=tea&top_k=1", tenant))];

        var answer = await server.SendAsync(pipeline, answers: 100);

        Assert.Equal(tenants, answer.Answers.Select(a => Wire.Parse(a.Body).Items()[0].Text("conversation_id")));
    }

    [Fact]
    public async Task Forwarding_headers_change_no_link()
    {
        var message = Message();

        var answer = await server.SendAsync(Raw(
            "POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-Host: evil\r\nX-Forwarded-Proto: https\r\nForwarded: host=evil\r\nX-User-ID: admin\r\n"
            + $"x-api-key: {{{{operator}}}}\r\nContent-Type: application/json\r\nContent-Length: {message.Length}\r\n\r\n{message}"));

        Assert.Contains("\r\nLocation: /v1/messages/", answer.Answers[0].Head, StringComparison.Ordinal);
        Assert.DoesNotContain("evil", answer.Answers[0].Head + answer.Answers[0].Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_body_that_stops_is_cut_off_with_408()
    {
        var answer = await server.SendAsync(Raw(
            "POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nx-api-key: {{operator}}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"));

        Assert.Equal((408, "", true), (answer.Answers[0].Status, answer.Answers[0].Body, answer.IsClosed));
    }

    [Fact]
    public async Task A_client_that_goes_away_within_its_body_is_no_fault_of_ours()
    {
        using var client = server.Client("acme");
        using (var gone = new TcpClient { LingerState = new LingerOption(enable: true, seconds: 0) }) // It is reset, not closed.
        {
            await gone.ConnectAsync(server.Server.Address.Host, server.Server.Address.Port, Ct);
            await gone.GetStream().WriteAsync(Raw(
                $"POST /v1/admin/keys HTTP/1.1\r\nHost: localhost\r\nx-api-key: {HostileServer.OperatorKey}\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n"), Ct);
            await gone.GetStream().ReadExactlyAsync(new byte[25], Ct); // HTTP/1.1 100 Continue: the body is being read.
        }

        using var patience = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        patience.CancelAfter(TimeSpan.FromSeconds(30));
        string[] ends = [];
        while (ends.Length == 0)
        {
            var metrics = await client.GetStringAsync("/metrics", patience.Token); // It ends when the server has seen the reset.
            ends = [.. metrics.Split('\n').Where(line => line.StartsWith("http_requests_total{", StringComparison.Ordinal)
                && line.Contains("\"/v1/admin/keys\"", StringComparison.Ordinal) && line.Contains("\"POST\"", StringComparison.Ordinal)
                && !line.Contains("\"201\"", StringComparison.Ordinal))];
        }

        Assert.All(ends, line => Assert.Contains("status=\"4", line, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Head_is_answered_as_get_without_a_body()
    {
        var get = await server.SendAsync(Get("/v1/memory/search?tenant_id=acme&query=tea"));
        var head = await server.SendAsync(Raw(
            "HEAD /v1/memory/search?tenant_id=acme&query=tea HTTP/1.1\r\nHost: localhost\r\nx-api-key: {{operator}}\r\nConnection: close\r\n\r\n"), answers: 2);
        var stranger = await server.SendAsync(Raw("HEAD /v1/conversations HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"), answers: 2);

        var text = Encoding.Latin1.GetString(head.Bytes);
        Assert.StartsWith("HTTP/1.1 200 OK\r\n", text, StringComparison.Ordinal);
        Assert.Contains($"\r\nContent-Length: {Encoding.UTF8.GetByteCount(get.Answers[0].Body)}\r\n", text, StringComparison.Ordinal);
        Assert.EndsWith("\r\n\r\n", text, StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 401 ", Encoding.Latin1.GetString(stranger.Bytes), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Text_comes_back_byte_for_byte()
    {
        const string text = "\u202eevil\u202c \u200b\u200d\ufeff \U000E0041\U000E007F раypal e\u0301 \u00e9 \r\n\t\u0085\u2028 \u001b[31m";
        using var client = server.Client("scratch");

        var stored = await client.StoreAsync(text, ("tenant_id", "scratch"), ("user_id", text));

        var read = await client.ReadAsync($"/v1/messages/{stored.Text("id")}");
        Assert.Equal((text, text), (read.Text("content"), read.Text("user_id")));
    }

    [Fact]
    public async Task Ids_are_bytes_and_not_what_they_look_like()
    {
        using var client = server.Client("scratch");
        await client.StoreAsync("composed", ("tenant_id", "scratch"), ("conversation_id", "caf\u00e9"));
        await client.StoreAsync("decomposed", ("tenant_id", "scratch"), ("conversation_id", "cafe\u0301"));

        var list = await client.ReadAsync($"/v1/conversations/{Uri.EscapeDataString("caf\u00e9")}/messages");

        Assert.Equal(["composed"], list.Each("content"));
    }

    [Fact]
    public async Task A_cursor_continues_its_own_list_alone()
    {
        using var acme = server.Client("acme");
        using var globex = server.Client("globex");
        const string list = "/v1/conversations/acme/messages?limit=1";
        var cursor = (await acme.ReadAsync(list)).Text("next_cursor")!;

        (HttpClient Client, string Url)[] foreign =
        [
            (globex, $"{list}&cursor={cursor}"), (acme, $"{list}&order=desc&cursor={cursor}"), (acme, $"/v1/conversations?cursor={cursor}"),
            (acme, $"{list}&cursor={cursor[..^2]}"), (acme, $"{list}&cursor={(cursor[0] == 'A' ? 'B' : 'A')}{cursor[1..]}"),
        ];

        foreach (var (client, url) in foreign)
        {
            await (await client.GetAsync(url, Ct)).RefusedAsync(HttpStatusCode.BadRequest, "invalid-cursor");
        }
    }

    [Fact]
    public async Task No_value_of_a_caller_is_a_label()
    {
        using var client = server.Client("acme");
        await MakeUpNamesAsync(0);
        await SeriesAsync(client); // The reading is measured, too.
        var before = await SeriesAsync(client);

        for (var i = 1; i <= 50; i++)
        {
            await MakeUpNamesAsync(i);
        }

        Assert.Equal(before, await SeriesAsync(client));
    }

    [Fact]
    public async Task Tenants_that_are_made_up_leave_nothing_in_memory()
    {
        using var client = server.Client("acme");
        await client.ReadAsync("/v1/memory/search?query=tea");
        var before = await IndexBytesAsync(client);

        for (var i = 0; i < 200; i++)
        {
            await server.SendAsync(Get($"/v1/memory/search?tenant_id=nobody-{i}&query=tea"));
        }

        Assert.NotEqual("0", before);
        Assert.Equal(before, await IndexBytesAsync(client));
    }

    [Fact]
    public async Task Nothing_that_a_caller_sends_makes_a_log_line()
    {
        const string forged = "\r\n{\"level\":\"ERROR\",\"message\":\"forged\"}\r\n\u001b[31mforged\u001b[0m\u2028forged";
        var folder = Directory.CreateTempSubdirectory("memoir-hostile-").FullName;
        await using var own = await ServerProcess.StartAsync(folder, ("MEMORY_LOG_LEVEL", "TRACE"));
        using (var client = own.Client())
        {
            client.DefaultRequestHeaders.TryAddWithoutValidation("User-Agent", "\u001b[31mforged");
            client.DefaultRequestHeaders.TryAddWithoutValidation("X-Request-ID", "forged\u001b[31m");
            await client.StoreAsync(forged, ("tenant_id", "default"), ("external_id", forged), ("conversation_id", forged), ("user_id", forged), ("name", forged));
            await client.SearchAsync(forged, ("user_id", forged));
            await client.GetAsync($"/v1/conversations/{Uri.EscapeDataString(forged)}/messages", Ct);
            await client.GetAsync($"/v1/{Uri.EscapeDataString(forged)}", Ct);
            await client.SendAsync("POST", "/v1/messages", $"{{{JsonSerializer.Serialize(forged)}:1}}");
            await client.SendAsync("GET", $"/v1/conversations?{Uri.EscapeDataString(forged)}=1");
        }

        own.Terminate();
        var ending = await own.ExitAsync();
        Directory.Delete(folder, recursive: true);

        var lines = (ending.Output + ending.Errors).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.NotEmpty(lines);
        Assert.All(lines, line =>
        {
            var entry = Wire.Parse(line);
            Assert.NotEqual("forged", entry.Text("message"));
            Assert.DoesNotContain('\u001b', line);
            Assert.DoesNotContain('\u2028', line);
        });
    }

    private static async Task<int> SeriesAsync(HttpClient client) =>
        (await client.GetStringAsync("/metrics", Ct)).Split('\n').Count(line => line.Length > 0 && line[0] != '#');

    private static async Task<string> IndexBytesAsync(HttpClient client) =>
        (await client.GetStringAsync("/metrics", Ct)).Split('\n').Single(line => line.StartsWith("index_cache_bytes ", StringComparison.Ordinal)).Split(' ')[1];

    private async Task MakeUpNamesAsync(int number)
    {
        await server.SendAsync(Raw($"M{number} /v1/conversations HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        await server.SendAsync(Get($"/v1/made-up-{number}"));
        await server.SendAsync(Get($"/v1/memory/search?tenant_id=t{number}&query=tea\"}} evil{{a=\"{number}".Replace(" ", "%20", StringComparison.Ordinal)));
        await server.SendAsync(Get($"/v1/conversations/c%0a{number}/messages?tenant_id=t{number}"));
        await server.SendAsync(Post("/v1/messages", Message("user_id", $"\"u{number}\\nevil 1\"")));
    }
}
