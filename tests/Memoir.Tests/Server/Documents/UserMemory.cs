using System.Net;
using System.Text;
using System.Text.Json;
using Memoir.Tests.Testing;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Documents;

/// <summary>What these tests say to a user's structured memory, in a line each.</summary>
internal static class UserMemory
{
    public const string Ann = "/memory/ann";
    public const string MergePatch = "application/merge-patch+json";
    public const string JsonPatch = "application/json-patch+json";

    /// <summary>What there is of somebody of whom nothing is known.</summary>
    public const string Nothing = """{"user_id":"ann","profile":{},"working_memory":{},"long_term_knowledge":{},"session_snapshots":[],"events":[]}""";

    public static string Named(string name) => $$$"""{"profile":{"name":{{{JsonSerializer.Serialize(name)}}}}}""";

    public static Task<HttpResponseMessage> AskAsync(
        this HttpClient client, string method, string url, string? body = null, string mediaType = "application/json", params (string Name, string Value)[] headers)
    {
        var request = new HttpRequestMessage(new HttpMethod(method), url);
        if (body is not null)
        {
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
            request.Content.Headers.TryAddWithoutValidation("Content-Type", mediaType);
        }

        foreach (var (name, value) in headers)
        {
            Assert.True(request.Headers.TryAddWithoutValidation(name, value));
        }

        return client.SendAsync(request, Ct);
    }

    /// <summary>Stores Ann's memory, or replaces it.</summary>
    public static async Task<JsonElement> PutMemoryAsync(this HttpClient client, string body, string url = Ann) =>
        await (await client.AskAsync("POST", url + "?overwrite=true", body)).JsonAsync(HttpStatusCode.OK);

    public static async Task<JsonElement> PatchMemoryAsync(this HttpClient client, string body, string url = Ann, string mediaType = "application/json") =>
        await (await client.AskAsync("PATCH", url, body, mediaType)).JsonAsync(HttpStatusCode.OK);

    public static async Task<HttpResponseMessage> DoneAsync(this Task<HttpResponseMessage> asked, HttpStatusCode status = HttpStatusCode.OK)
    {
        var answer = await asked;
        Assert.True(answer.StatusCode == status, $"{(int)answer.StatusCode} instead of {(int)status}: {await answer.Content.ReadAsStringAsync(Ct)}");
        return answer;
    }

    public static async Task<JsonElement> RefusedAsync(this Task<HttpResponseMessage> asked, int status, string slug) =>
        await (await asked).RefusedAsync((HttpStatusCode)status, slug);

    /// <summary>The version that an answer is about.</summary>
    public static string Tag(this HttpResponseMessage answer) => answer.Headers.ETag?.ToString() ?? "none";

    public static async Task<string[]> ActionsAsync(this HttpClient client, string url = Ann) => (await client.ReadAsync(url + "/history?limit=200")).Each("action");

    public static string? Name(this JsonElement memory) => memory.GetProperty("profile").Text("name");

    /// <summary>The errors of a refusal that are about this member.</summary>
    public static string ErrorOf(this JsonElement problem, string path)
    {
        Assert.True(problem.TryGetProperty("errors", out var errors) && errors.TryGetProperty(path, out _), $"no error about {path}: {problem.GetRawText()}");
        return errors.GetProperty(path)[0].GetString()!;
    }
}
