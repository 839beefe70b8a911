using System.Text.Json;
using Memoir.Bench.Corpus;
using Memoir.Bench.Load;

namespace Memoir.Bench.Service;

/// <summary>Prepares what many clients do to a filled server at the same time.</summary>
internal static class MixedTraffic
{
    private const int Requests = 20_000;

    /// <summary>Of twenty requests ten search, five store, two list a conversation, two read one message, one stores a batch of 20.</summary>
    public static async Task<ReadOnlyMemory<byte>[]> PrepareAsync(
        Target target, Conversations conversations, int tenants, CancellationToken ct)
    {
        var requests = target.Requests;
        var (lists, reads) = await KnownAsync(target, tenants, ct);
        var searches = conversations.Searches(requests, Requests / 2, tenants);
        var stores = conversations.Stores(requests, Requests / 4, i => Conversations.Tenant(i % tenants));
        var batches = conversations.Batches(requests, Requests, 20, batch => Conversations.Tenant(batch % tenants));
        return [.. Enumerable.Range(0, Requests).Select(i => (i % 20) switch
        {
            < 10 => searches[((i / 20 * 10) + (i % 20)) % searches.Length],
            < 15 => stores[((i / 20 * 5) + (i % 20) - 10) % stores.Length],
            < 17 => lists[i % lists.Count],
            < 19 => reads[i % reads.Count],
            _ => batches[i / 20 % batches.Length],
        }).OrderBy(_ => conversations.Draw())];
    }

    /// <summary>Requests for conversations and messages that the server holds.</summary>
    private static async Task<(List<ReadOnlyMemory<byte>> Lists, List<ReadOnlyMemory<byte>> Reads)> KnownAsync(
        Target target, int tenants, CancellationToken ct)
    {
        var lists = new List<ReadOnlyMemory<byte>>();
        var reads = new List<ReadOnlyMemory<byte>>();
        using var connection = new HttpConnection(target.Endpoint);
        await connection.ConnectAsync(ct);
        for (var number = 0; number < Math.Min(tenants, 20); number++)
        {
            var tenant = Conversations.Tenant(number);
            foreach (var conversation in await ItemsAsync($"/v1/conversations?tenant_id={tenant}&limit=10", "conversation_id"))
            {
                var path = $"/v1/conversations/{conversation}/messages?tenant_id={tenant}&limit=20";
                lists.Add(target.Requests.Get(path));
                reads.AddRange((await ItemsAsync(path, "id")).Select(id => target.Requests.Get($"/v1/messages/{id}?tenant_id={tenant}")));
            }
        }

        return (lists, reads);

        async Task<List<string>> ItemsAsync(string path, string member)
        {
            var status = await connection.ExchangeAsync(target.Requests.Get(path), ct);
            using var body = JsonDocument.Parse(connection.Body);
            return status == 200
                ? [.. body.RootElement.GetProperty("items").EnumerateArray().Select(item => item.GetProperty(member).GetString()!)]
                : throw new InvalidOperationException($"{path} answered {status}: {body.RootElement}");
        }
    }
}
