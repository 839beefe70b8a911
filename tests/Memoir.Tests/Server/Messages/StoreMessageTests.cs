using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Memoir.Tests.Testing;

namespace Memoir.Tests.Server.Messages;

public sealed class StoreMessageTests
{
    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Theory, MemberData(nameof(Engines))]
    public async Task A_stored_message_can_be_read_back_where_its_location_says(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");

        var accepted = await client.PostAsJsonAsync(
            "/v1/messages", new { tenant_id = "acme", conversation_id = "c1", role = "user", content = "I take my coffee black." }, Ct);

        Assert.Equal(HttpStatusCode.Accepted, accepted.StatusCode);
        var stored = await client.GetFromJsonAsync<JsonElement>(accepted.Headers.Location, Ct);
        Assert.Equal("I take my coffee black.", stored.GetProperty("content").GetString());
        Assert.Equal(server.Time.GetUtcNow(), stored.GetProperty("created_at").GetDateTimeOffset());
    }

    private static CancellationToken Ct => TestContext.Current.CancellationToken;
}
