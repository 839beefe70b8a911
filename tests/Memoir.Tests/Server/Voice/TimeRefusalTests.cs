using System.Net;
using Memoir.Tests.Testing;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Voice;

/// <summary>Moments and intervals that cannot be are refused, and change nothing.</summary>
public sealed class TimeRefusalTests
{
    private const string City = "home_city";

    [Theory]
    [InlineData("as_of=yesterday", 400, "invalid-request")]
    [InlineData("known_at=2026-01-01", 400, "invalid-request")]
    [InlineData("as_of=2026-01-01T00:00:00Z&as_of=2026-01-01T00:00:00Z", 400, "invalid-request")]
    public async Task A_moment_that_is_none_is_refused(string moment, int status, string slug)
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var client = server.As("acme");
        foreach (var url in (string[])["/v1/memories?", $"/v1/memories/{Guid.Empty}?", "/v1/memories/user/ann?", "/v1/memories/shared?"])
        {
            await (await client.GetAsync(url + moment, Ct)).FailedAsync((HttpStatusCode)status, slug);
        }

        await (await client.GetAsync($"/v1/memory/search?query=x&{moment}", Ct)).RefusedAsync((HttpStatusCode)status, slug);
    }

    [Theory]
    [InlineData(",\"valid_until\":\"2020-01-01T00:00:00Z\"", 422, "validation-failed")]
    [InlineData(",\"valid_from\":\"2020-01-01T00:00:00Z\",\"valid_until\":\"2020-01-01T00:00:00Z\"", 422, "validation-failed")]
    [InlineData(",\"valid_from\":\"now\"", 400, "invalid-body")]
    [InlineData(",\"review_after\":7", 400, "invalid-body")]
    public async Task Times_of_a_statement_that_cannot_be_are_refused(string more, int status, string slug)
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var client = server.As("acme");
        var answer = await client.SendAsync("POST", "/v1/memories/user?user_id=ann", $$"""{"type":"fact","key":"{{City}}","value":{"value":"Paris"}{{more}}}""");
        await answer.FailedAsync((HttpStatusCode)status, slug);
        Assert.Empty((await client.ReadAsync("/v1/memories")).Found());
    }

    [Theory]
    [InlineData("""{"valid_until":"2020-01-01T00:00:00Z"}""", 422, "validation-failed")]
    [InlineData("""{"valid_from":"soon"}""", 400, "invalid-body")]
    [InlineData("""{"valid_until":7}""", 400, "invalid-body")]
    [InlineData("""{"review_after":{}}""", 400, "invalid-body")]
    public async Task Times_of_a_change_that_cannot_be_are_refused(string change, int status, string slug)
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var client = server.As("acme");
        var id = await client.SayAsync("ann", "fact", City, """{"value":"Paris"}""");
        await (await client.SendAsync("PATCH", $"/v1/memories/{id}", change)).FailedAsync((HttpStatusCode)status, slug);
        await (await client.SendAsync("POST", $"/v1/memories/{id}/confirm", """{"review_after":"soon"}""")).FailedAsync(HttpStatusCode.BadRequest, "invalid-body");
        Assert.Equal(1, (await client.ReadAsync($"/v1/memories/{id}")).GetProperty("version").GetInt32());
    }

    [Fact]
    public async Task A_memory_that_is_not_there_cannot_be_confirmed()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var id = await server.As("acme").SayAsync("ann", "fact", City, """{"value":"Paris"}""");

        await (await server.As("globex").SendAsync("POST", $"/v1/memories/{id}/confirm", "{}")).FailedAsync(HttpStatusCode.NotFound, "not-found");
        Assert.False((await server.As("acme").ReadAsync($"/v1/memories/{id}")).TryGetProperty("verified_at", out _));
    }
}
