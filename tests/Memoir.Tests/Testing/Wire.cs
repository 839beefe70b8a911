using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;

namespace Memoir.Tests.Testing;

/// <summary>What tests say to the server and read from it, in a line each.</summary>
internal static class Wire
{
    public static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>A right message of the tenant acme, with members replaced or added.</summary>
    public static Dictionary<string, object?> Message(string content, params (string Name, object? Value)[] members)
    {
        var message = new Dictionary<string, object?>
        {
            ["tenant_id"] = "acme",
            ["conversation_id"] = "c1",
            ["role"] = "user",
            ["content"] = content,
        };
        foreach (var (name, value) in members)
        {
            message[name] = value;
        }

        return message;
    }

    public static async Task<JsonElement> StoreAsync(this HttpClient client, string content, params (string Name, object? Value)[] members)
    {
        var answer = await client.PostAsJsonAsync("/v1/messages", Message(content, members), Ct);
        return await answer.JsonAsync(HttpStatusCode.Accepted);
    }

    public static async Task<JsonElement> StoreManyAsync(this HttpClient client, params IEnumerable<Dictionary<string, object?>> messages)
    {
        var answer = await client.PostAsJsonAsync("/v1/messages/batch", new { items = messages }, Ct);
        return await answer.JsonAsync(HttpStatusCode.Accepted);
    }

    public static async Task<JsonElement> SearchAsync(this HttpClient client, string query, params (string Name, object? Value)[] members)
    {
        var answer = await client.PostAsJsonAsync("/v1/memory/search", Question(query, members), Ct);
        return await answer.JsonAsync(HttpStatusCode.OK);
    }

    public static Dictionary<string, object?> Question(string query, params (string Name, object? Value)[] members)
    {
        var question = new Dictionary<string, object?> { ["query"] = query };
        foreach (var (name, value) in members)
        {
            question[name] = value;
        }

        return question;
    }

    public static async Task<JsonElement> ReadAsync(this HttpClient client, string url) =>
        await (await client.GetAsync(url, Ct)).JsonAsync(HttpStatusCode.OK);

    public static Task<HttpResponseMessage> SendAsync(
        this HttpClient client, string method, string url, string? body = null, string mediaType = "application/json")
    {
        var request = new HttpRequestMessage(new HttpMethod(method), url);
        if (body is not null)
        {
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
            request.Content.Headers.TryAddWithoutValidation("Content-Type", mediaType);
        }

        return client.SendAsync(request, Ct);
    }

    /// <summary>The body of an answer with this status.</summary>
    public static async Task<JsonElement> JsonAsync(this HttpResponseMessage answer, HttpStatusCode status)
    {
        var text = await answer.Content.ReadAsStringAsync(Ct);
        Assert.True(answer.StatusCode == status, $"{(int)answer.StatusCode} instead of {(int)status}: {text}");
        Assert.Equal("application/json", answer.Content.Headers.ContentType?.MediaType);
        return Parse(text);
    }

    /// <summary>The body of a refusal, whose whole shape is checked.</summary>
    /// <param name="answer">What was answered.</param>
    /// <param name="status">What it should be.</param>
    /// <param name="slug">The problem it should be.</param>
    /// <param name="saysSuccess">The route is of a family whose clients look for <c>success</c> and <c>error</c>.</param>
    public static async Task<JsonElement> RefusedAsync(this HttpResponseMessage answer, HttpStatusCode status, string slug, bool saysSuccess = false)
    {
        var text = await answer.Content.ReadAsStringAsync(Ct);
        Assert.True(answer.StatusCode == status, $"{(int)answer.StatusCode} instead of {(int)status}: {text}");
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        var problem = Parse(text);
        Assert.Equal("urn:memoir:problem:" + slug, problem.Text("type"));
        Assert.Equal((int)status, problem.GetProperty("status").GetInt32());
        Assert.Equal(answer.Headers.GetValues("X-Request-ID").Single(), problem.Text("request_id"));
        string[] expected = problem.TryGetProperty("errors", out _)
            ? ["type", "title", "status", "detail", "instance", "request_id", "errors"]
            : ["type", "title", "status", "detail", "instance", "request_id"];
        Assert.Equal(saysSuccess ? [.. expected[..6], "success", "error", .. expected[6..]] : expected, problem.Members());
        if (saysSuccess)
        {
            Assert.False(problem.GetProperty("success").GetBoolean());
            Assert.Equal(problem.Text("detail"), problem.Text("error"));
        }

        return problem;
    }

    public static JsonElement Parse(string text)
    {
        using var document = JsonDocument.Parse(text);
        return document.RootElement.Clone();
    }

    public static string[] Members(this JsonElement value) => [.. value.EnumerateObject().Select(member => member.Name)];

    public static string? Text(this JsonElement value, string member) => value.GetProperty(member).GetString();

    public static double Number(this JsonElement value, string member) => value.GetProperty(member).GetDouble();

    public static JsonElement[] Items(this JsonElement list) => [.. list.GetProperty("items").EnumerateArray()];

    /// <summary>One member of every item of a list.</summary>
    public static string[] Each(this JsonElement list, string member) => [.. list.Items().Select(item => item.Text(member)!)];

    /// <summary>A key of a tenant, made the way an operator makes it.</summary>
    public static async Task<JsonElement> MakeKeyAsync(this TestApp server, string tenant, params string[] scopes)
    {
        var body = scopes.Length == 0
            ? JsonSerializer.Serialize(new { tenant_id = tenant, name = "test" })
            : JsonSerializer.Serialize(new { tenant_id = tenant, name = "test", scopes });
        return await (await server.WithKey(TestApp.OperatorKey).SendAsync("POST", "/v1/admin/keys", body)).JsonAsync(HttpStatusCode.Created);
    }

    /// <summary>A caller with a key of its tenant.</summary>
    public static async Task<HttpClient> MemberAsync(this TestApp server, string tenant, params string[] scopes) =>
        server.WithKey((await server.MakeKeyAsync(tenant, scopes)).Text("key")!);
}
