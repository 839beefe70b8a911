using System.Net;
using System.Text.Json;
using Memoir.Tests.Testing;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Embeddings;

/// <summary>Choices that are refused, and why.</summary>
public sealed partial class EmbeddingChoiceTests
{
    [Theory]
    [InlineData("""{"provider":"sentence_transformer"}""", "provider")]
    [InlineData("""{"provider":"mock"}""", "provider")]
    [InlineData("""{"provider":"openai","model":"../../v1/files"}""", "model")]
    [InlineData("""{"provider":"openai","model":"a b"}""", "model")]
    [InlineData("""{"provider":"openai","model":""}""", "model")]
    [InlineData("""{"provider":"openai","dimensions":0}""", "dimensions")]
    [InlineData("""{"provider":"openai","dimensions":4097}""", "dimensions")]
    [InlineData("""{"provider":"builtin","model":"other"}""", "model")]
    [InlineData("""{"provider":"builtin","dimensions":64}""", "dimensions")]
    public async Task A_choice_that_cannot_be_is_refused_by_field(string body, string field)
    {
        await using var server = await StartAsync();

        var refused = await (await server.As("acme").SendAsync("PUT", Url, body)).RefusedAsync(HttpStatusCode.UnprocessableEntity, "validation-failed");

        Assert.Equal([field], refused.GetProperty("errors").Members());
        Assert.Empty(_provider.Requests);
    }

    [Theory]
    [InlineData("base_url", "http://169.254.169.254/")]
    [InlineData("api_key", "sk-stolen")]
    public async Task No_request_says_where_texts_go_or_with_which_key(string member, string value)
    {
        await using var server = await StartAsync();
        var body = JsonSerializer.Serialize(new Dictionary<string, string> { ["provider"] = "openai", [member] = value });

        var refused = await (await server.As("acme").SendAsync("PUT", Url, body)).RefusedAsync(HttpStatusCode.BadRequest, "invalid-body");

        Assert.Equal([member], refused.GetProperty("errors").Members());
    }

    [Theory]
    [InlineData(EmbeddingBehaviour.NoSuchModel, HttpStatusCode.UnprocessableEntity, "validation-failed")]
    [InlineData(EmbeddingBehaviour.WrongDimension, HttpStatusCode.UnprocessableEntity, "validation-failed")]
    [InlineData(EmbeddingBehaviour.ServerError, HttpStatusCode.ServiceUnavailable, "dependency-unavailable")]
    internal async Task A_model_that_does_not_work_is_not_taken(EmbeddingBehaviour behaviour, HttpStatusCode status, string slug)
    {
        await using var server = await StartAsync();
        var client = server.As("acme");
        await FillAsync(server, client, 2);
        _provider.Behaviour = behaviour;

        await (await client.SendAsync("PUT", Url, """{"provider":"google_gemini","dimensions":96}""")).RefusedAsync(status, slug);

        Assert.Equal("openai", (await client.ReadAsync(Url)).GetProperty("current").Text("provider"));
        Assert.Equal(0, await CountAsync(server, "SELECT COUNT(*) FROM jobs WHERE status <> 'succeeded'"));
        Assert.Equal("ready", (await client.ReadAsync("/v1/admin/readiness")).Text("status"));
    }

    [Fact]
    public async Task Without_an_earlier_generation_there_is_nothing_to_go_back_to()
    {
        await using var server = await StartAsync();

        await (await server.As("acme").SendAsync("POST", Url + "/rollback")).RefusedAsync(HttpStatusCode.Conflict, "conflict");
    }

    [Fact]
    public async Task Going_back_to_a_provider_that_is_not_configured_any_more_is_refused()
    {
        await using (var first = await StartInAsync())
        {
            await FillAsync(first, first.As("acme"), 2);
            await ChooseAsync(first.As("acme"));
            await ChooseAsync(first.As("acme"), "openai", "third", 32);
        }

        await using var second = await StartInAsync(("GeminiApiKey", null));

        var refused = await (await second.As("acme").SendAsync("POST", Url + "/rollback")).RefusedAsync(HttpStatusCode.Conflict, "conflict");
        Assert.Contains("google_gemini", refused.Text("detail"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_choice_is_one_tenants_alone()
    {
        await using var server = await StartAsync();
        await FillAsync(server, server.As("a"), 2, "a");
        await FillAsync(server, server.As("b"), 2, "b");
        var member = await server.MemberAsync("a", "admin");

        await ChooseAsync(member);

        Assert.Equal("openai", (await server.As("b").ReadAsync(Url)).GetProperty("current").Text("provider"));
        Assert.DoesNotContain("degraded", (await server.As("b").SearchAsync("number 1")).Members());
        await (await member.SendAsync("PUT", Url + "?tenant_id=b", """{"provider":"builtin"}""")).RefusedAsync(HttpStatusCode.Forbidden, "tenant-mismatch");
    }
}
