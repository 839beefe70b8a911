using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Memoir.Tests.Testing;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Voice;

/// <summary>What clients of the voice assistant's family send, in a line each.</summary>
internal static class VoiceClient
{
    public const string Memories = "/v1/memories";

    public static (string, string?) Secret => ("JwtSecretKey", Tokens.Secret);

    /// <summary>A caller with a token of its customer, valid for an hour of the tests' clock.</summary>
    public static HttpClient Of(TestApp server, int customer = 17, string scope = "memory:read:write")
    {
        var client = server.CreateClient();
        var expiry = server.Time.GetUtcNow().AddHours(1).ToUnixTimeSeconds();
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
            "Bearer", Tokens.Signed($$"""{"customer_id":{{customer}},"scope":"{{scope}}","exp":{{expiry}}}"""));
        return client;
    }

    public static async Task<JsonElement> PostAsync(this HttpClient client, string url, string body) =>
        await (await client.SendAsync("POST", url, body)).JsonAsync(HttpStatusCode.OK);

    /// <summary>Stores a value under a key of a user's, or of everybody's.</summary>
    public static async Task<string> SayAsync(this HttpClient client, string? user, string type, string key, string value, string more = "")
    {
        var url = user is null ? $"{Memories}/shared" : $"{Memories}/user?user_id={Uri.EscapeDataString(user)}";
        return (await client.PostAsync(url, $$"""{"type":"{{type}}","key":"{{key}}","value":{{value}}{{more}}}""")).Text("memory_id")!;
    }

    public static JsonElement[] Found(this JsonElement list) => [.. list.GetProperty("memories").EnumerateArray()];

    public static string[] Contents(this JsonElement list) => [.. list.Found().Select(memory => memory.Text("content")!)];

    /// <summary>A refusal as this family reads it.</summary>
    public static Task<JsonElement> FailedAsync(this HttpResponseMessage answer, HttpStatusCode status, string slug) => answer.RefusedAsync(status, slug, saysSuccess: true);
}
