using Memoir.Tests.Testing;

namespace Memoir.Tests.Hostile;

/// <summary>One answer holds about 2,000,000 characters, whatever is asked for.</summary>
public sealed class LargeAnswerTests(SharedServer shared) : IClassFixture<SharedServer>
{
    [Fact]
    public async Task A_page_of_long_messages_ends_early_and_the_next_one_goes_on()
    {
        var client = shared.App.As("long");
        await StoreAsync(client, "long");

        var first = await client.ReadAsync("/v1/conversations/c1/messages?limit=200");
        var second = await client.ReadAsync($"/v1/conversations/c1/messages?limit=200&cursor={first.Text("next_cursor")}");

        Assert.Equal((21, 4), (first.Items().Length, second.Items().Length));
        Assert.Null(second.Text("next_cursor"));
        Assert.Equal(25, first.Each("id").Concat(second.Each("id")).Distinct().Count());
    }

    [Fact]
    public async Task A_history_of_long_messages_ends_early_and_the_next_page_goes_on()
    {
        var client = shared.App.As("changed");
        for (var i = 0; i < 23; i++)
        {
            await client.StoreAsync($"{i} " + new string('x', 99_990), ("tenant_id", "changed"), ("external_id", "one"));
        }

        var id = (await client.ReadAsync("/v1/conversations/c1/messages")).Each("id").Single();
        var first = await client.ReadAsync($"/v1/messages/{id}/history?limit=200");
        var second = await client.ReadAsync($"/v1/messages/{id}/history?limit=200&cursor={first.Text("next_cursor")}");

        Assert.Equal(22, first.Items().Length + second.Items().Length);
        Assert.Null(second.Text("next_cursor"));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(10)]
    public async Task A_search_leaves_out_its_lowest_items_and_says_so(int neighbours)
    {
        var client = shared.App.As("searched");
        await StoreAsync(client, "searched");

        var cut = await client.SearchAsync("kettle", ("top_k", 100), ("neighbors", neighbours));
        var whole = await client.SearchAsync("kettle", ("top_k", 1));

        var characters = cut.Items().Sum(item => item.Text("content")!.Length
            + (item.TryGetProperty("neighbors", out var around) ? around.EnumerateArray().Sum(n => n.Text("content")!.Length) : 0));
        Assert.True(cut.GetProperty("truncated").GetBoolean());
        Assert.InRange(characters, 1_000_000, 4_200_000);
        Assert.Equal(cut.Items().Length, cut.GetProperty("total").GetInt32());
        Assert.False(whole.TryGetProperty("truncated", out _));
    }

    private static async Task StoreAsync(HttpClient client, string tenant)
    {
        foreach (var part in Enumerable.Range(0, 25).Chunk(5))
        {
            await client.StoreManyAsync(part.Select(i => Wire.Message(
                $"kettle {i} {new string('x', 99_980)}", ("tenant_id", tenant), ("external_id", $"{i}"))));
        }
    }
}
