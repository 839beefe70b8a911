using System.Diagnostics;
using System.Net;
using System.Text.Json;
using Memoir.Tests.Testing;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Recall;

public sealed class HostileQueryTests(SharedServer shared) : IClassFixture<SharedServer>
{
    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Theory, MemberData(nameof(Engines))]
    public async Task A_misspelt_word_that_no_memory_has_is_found_by_its_letters(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        await client.StoreAsync("My sister moved to Lisbon last spring.");
        await client.StoreAsync("The quarterly report is due next Monday.");

        var found = await client.ReadAsync("/v1/memory/search?query=lisbonn");
        var nothing = await client.ReadAsync("/v1/memory/search?query=guitar");

        Assert.Equal("My sister moved to Lisbon last spring.", Assert.Single(found.Items()).Text("content"));
        Assert.Empty(nothing.Items());
    }

    [Theory]
    [InlineData("\"")]
    [InlineData("tea\"")]
    [InlineData("\"tea time")]
    [InlineData("AND tea")]
    [InlineData("tea AND NOT time")]
    [InlineData("NEAR(tea time, 5)")]
    [InlineData("NEAR(")]
    [InlineData("tea*")]
    [InlineData("-tea")]
    [InlineData("content:tea")]
    [InlineData("tenant_id:other")]
    [InlineData("^tea")]
    [InlineData("(tea")]
    [InlineData("tea OR 1=1; DROP TABLE memories; --")]
    [InlineData("%tea_")]
    [InlineData("{0} {{x}} %s")]
    public async Task No_character_of_a_query_is_an_operator(string query)
    {
        var client = shared.App.As("hostile");
        await client.StoreAsync("I drink tea at five.", ("tenant_id", "hostile"), ("external_id", "tea"));

        var answer = await client.SearchAsync(query, ("mode", "lexical"));

        if (query.Contains("tea", StringComparison.Ordinal))
        {
            Assert.Equal(["I drink tea at five."], answer.Each("content"));
        }
    }

    [Theory]
    [InlineData("the of and to")]
    [InlineData("??? !!! ... ---")]
    [InlineData("   ")]
    [InlineData("\u200b\u200d\ufeff")]
    [InlineData("\t\r\n")]
    [InlineData("💥")]
    [InlineData("\u0301\u0301")]
    public async Task A_query_without_content_is_an_empty_list_or_hits_and_never_a_fault(string query)
    {
        var client = shared.App.As("hostile2");
        await client.StoreAsync("Some kettle.", ("tenant_id", "hostile2"));

        foreach (var mode in (string[])["lexical", "semantic", "hybrid"])
        {
            var answer = await client.SearchAsync(query, ("mode", mode), ("explain", true));

            Assert.False(answer.TryGetProperty("degraded", out _), answer.GetRawText());
            Assert.All(answer.Items(), item => Assert.InRange(item.Number("score"), 0, 1));
        }
    }

    [Theory]
    [InlineData("我喜欢喝绿茶。", "绿茶")]
    [InlineData("明日は図書館で勉強します", "図書館")]
    [InlineData("서울에서 커피를 마셨다", "커피를")]
    [InlineData("ฉันชอบกินข้าวผัด", "ข้าวผัด")]
    [InlineData("Wir treffen uns im Café Müller", "cafe muller")]
    [InlineData("Я люблю читать книги", "книги")]
    [InlineData("Party 🎉 at ours", "🎉 party")]
    [InlineData("I was running late", "run")]
    public async Task Words_of_every_script_are_found(string content, string query)
    {
        var client = shared.App.As("scripts");
        await client.StoreAsync(content, ("tenant_id", "scripts"), ("external_id", content));

        var answer = await client.SearchAsync(query, ("mode", "lexical"), ("top_k", 1));

        Assert.Equal([content], answer.Each("content"));
    }

    public static TheoryData<string> LongQueries =>
    [
        new string('a', 4096),
        string.Concat(Enumerable.Repeat("a ", 2048)),
        string.Join(' ', Enumerable.Range(0, 819).Select(i => $"w{i:000}")),
        new string('\u0301', 4096),
        string.Concat(Enumerable.Repeat("😀", 4096)),
        new string('茶', 4096),
        new string('"', 4096),
    ];

    [Theory, MemberData(nameof(LongQueries))]
    public async Task The_longest_query_costs_less_than_a_second(string query)
    {
        var client = shared.App.As("long");
        await client.StoreManyAsync(Enumerable.Range(0, 500).Select(i => Message($"w{i:000} a 茶茶 😀 turn", ("tenant_id", "long"), ("external_id", $"{i}"))));
        var started = Stopwatch.GetTimestamp();

        await client.SearchAsync(query, ("explain", true), ("top_k", 100));

        Assert.True(Stopwatch.GetElapsedTime(started) < TimeSpan.FromSeconds(3), $"{Stopwatch.GetElapsedTime(started)}");
    }

    [Theory]
    [InlineData("")]
    [InlineData("query=")]
    [InlineData("query=tea&topk=5")]
    [InlineData("query=tea&top_k=0")]
    [InlineData("query=tea&top_k=101")]
    [InlineData("query=tea&top_k=five")]
    [InlineData("query=tea&query=coffee")]
    [InlineData("query=tea%00")]
    [InlineData("query=tea&role=robot")]
    [InlineData("query=tea&mode=magic")]
    [InlineData("query=tea&neighbors=11")]
    [InlineData("query=tea&neighbors=-1")]
    [InlineData("query=tea&importance_min=1.1")]
    [InlineData("query=tea&importance_min=NaN")]
    [InlineData("query=tea&importance_min=1e999")]
    [InlineData("query=tea&since=yesterday")]
    [InlineData("query=tea&since=2026-01-01")]
    [InlineData("query=tea&since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z")]
    [InlineData("query=tea&explain=maybe")]
    [InlineData("query=tea&filter=%7B%7D")]
    [InlineData("query=tea&tenant_id=a%20b")]
    [InlineData("query=tea&tenant_id=")]
    [InlineData("query=tea&tenant_id=a&tenant_id=b")]
    public async Task A_wrong_parameter_is_refused(string parameters)
    {
        var answer = await shared.App.WithKey(TestApp.OperatorKey).GetAsync($"/v1/memory/search?{parameters}", Ct);

        Assert.True(answer.StatusCode is HttpStatusCode.BadRequest or HttpStatusCode.UnprocessableEntity, $"{answer.StatusCode}");
        var slug = Parse(await answer.Content.ReadAsStringAsync(Ct)).Text("type")!["urn:memoir:problem:".Length..];
        await answer.RefusedAsync(answer.StatusCode, slug);
    }

    [Theory]
    [InlineData("""{}""", HttpStatusCode.BadRequest)]
    [InlineData("""{"query":""}""", HttpStatusCode.UnprocessableEntity)]
    [InlineData("""{"query":7}""", HttpStatusCode.BadRequest)]
    [InlineData("""{"query":"tea","topk":5}""", HttpStatusCode.BadRequest)]
    [InlineData("""{"query":"tea","top_k":"5"}""", HttpStatusCode.BadRequest)]
    [InlineData("""{"query":"tea","top_k":1.5}""", HttpStatusCode.BadRequest)]
    [InlineData("""{"query":"tea","top_k":0}""", HttpStatusCode.UnprocessableEntity)]
    [InlineData("""{"query":"tea","top_k":99999999999}""", HttpStatusCode.BadRequest)]
    [InlineData("""{"query":"tea","filter":7}""", HttpStatusCode.BadRequest)]
    [InlineData("""{"query":"tea","filter":[]}""", HttpStatusCode.BadRequest)]
    [InlineData("""{"query":"tea","filter":{"a":1e400}}""", HttpStatusCode.BadRequest)]
    [InlineData("""{"query":"tea","weights":7}""", HttpStatusCode.BadRequest)]
    [InlineData("""{"query":"tea","weights":{"recency":1}}""", HttpStatusCode.BadRequest)]
    [InlineData("""{"query":"tea","weights":{"similarity":1.1}}""", HttpStatusCode.UnprocessableEntity)]
    [InlineData("""{"query":"tea","weights":{"similarity":1e400}}""", HttpStatusCode.BadRequest)]
    [InlineData("""{"query":"tea","importance_min":1e400}""", HttpStatusCode.BadRequest)]
    [InlineData("""{"query":"tea","importance_min":-0.1}""", HttpStatusCode.UnprocessableEntity)]
    [InlineData("""{"query":"tea","mode":"magic"}""", HttpStatusCode.UnprocessableEntity)]
    [InlineData("""{"query":"tea","user_id":""}""", HttpStatusCode.UnprocessableEntity)]
    [InlineData("""{"query":"tea","query":"coffee"}""", HttpStatusCode.BadRequest)]
    [InlineData("""{"query":"tea","filter":{"a":1,"a":2}}""", HttpStatusCode.BadRequest)]
    public async Task A_wrong_body_is_refused(string body, HttpStatusCode status)
    {
        var answer = await shared.App.As("acme").SendAsync("POST", "/v1/memory/search", body);

        await answer.RefusedAsync(status, status == HttpStatusCode.BadRequest ? "invalid-body" : "validation-failed");
    }

    [Fact]
    public async Task A_query_may_have_4096_characters_and_not_one_more()
    {
        var client = shared.App.As("acme");
        var longest = string.Concat(Enumerable.Repeat("😀", 4096));

        var fits = await client.SendAsync("POST", "/v1/memory/search", JsonSerializer.Serialize(Question(longest)));
        var tooLong = await client.SendAsync("POST", "/v1/memory/search", JsonSerializer.Serialize(Question(longest + "a")));

        Assert.Equal(HttpStatusCode.OK, fits.StatusCode);
        await tooLong.RefusedAsync(HttpStatusCode.UnprocessableEntity, "validation-failed");
    }
}
