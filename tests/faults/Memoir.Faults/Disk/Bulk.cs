using System.Collections.Concurrent;
using System.Text;
using Memoir.Faults.Common;

namespace Memoir.Faults.Disk;

/// <summary>Many small memories, a conversation for each batch: the mass that makes a database large.</summary>
internal sealed class Bulk(Ledger ledger)
{
    private const int Batch = 500;
    private const int Page = 200;
    private const string Tenant = "faults-bulk";

    private readonly ConcurrentDictionary<int, bool> _batches = [];
    private int _next;

    public int Stored => _batches.Count(batch => batch.Value) * Batch;

    public Task StoreAsync(Api api, int messages, CancellationToken ct) => Parallel.ForEachAsync(
        Enumerable.Range(0, (messages + Batch - 1) / Batch),
        new ParallelOptions { MaxDegreeOfParallelism = 4, CancellationToken = ct },
        async (_, ct) => await StoreBatchAsync(api, ct));

    public async Task StoreUntilBrokenAsync(Api api, CancellationToken ct)
    {
        try
        {
            while (true)
            {
                await StoreBatchAsync(api, ct);
            }
        }
        catch (Exception error) when (error is HttpRequestException or IOException)
        {
            // The server is gone, as it shall be. The last batch may be there, but only as a whole.
        }
    }

    /// <summary>Of an acknowledged batch every message is there once; of the others all or none.</summary>
    public Task VerifyAsync(Api api, CancellationToken ct) => Parallel.ForEachAsync(
        _batches,
        new ParallelOptions { MaxDegreeOfParallelism = 4, CancellationToken = ct },
        async (batch, ct) =>
        {
            var (number, isAcknowledged) = batch;
            var found = await ListAsync(api, number, ct);
            var distinct = found.Distinct(StringComparer.Ordinal).Count();
            if (isAcknowledged && distinct < Batch)
            {
                ledger.Report("lost", $"bulk-{number}", $"{Batch - distinct} of {Batch} acknowledged messages are gone");
            }
            else if (distinct is > 0 and < Batch)
            {
                ledger.Report("torn", $"bulk-{number}", $"only {distinct} of {Batch} are there");
            }
            else if (found.Count > distinct)
            {
                ledger.Report("duplicated", $"bulk-{number}", $"{found.Count - distinct} are there twice");
            }
        });

    private async Task StoreBatchAsync(Api api, CancellationToken ct)
    {
        var number = Interlocked.Increment(ref _next);
        _batches[number] = false;
        var items = string.Join(',', Enumerable.Range(0, Batch).Select(i =>
            $$"""{"tenant_id":"{{Tenant}}","conversation_id":"bulk-{{number}}","role":"user","content":"bulk {{number}} {{i}} and a few words about tea, trains and weather"}"""));
        var request = new Request(ledger.NextNumber(), "bulk", Tenant, HttpMethod.Post, "/v1/messages/batch")
        {
            Body = Encoding.UTF8.GetBytes($$"""{"items":[{{items}}]}"""),
        };
        var answer = await api.SendAsync(request, ct);
        ledger.Record(request, answer.Status, answer.Body);
        _batches[number] = answer.IsSuccess;
        if (!answer.IsSuccess && answer.Status is not (429 or 503))
        {
            ledger.Report("unexpected", $"bulk-{number}", $"answered {answer.Status}: {answer.Excerpt}");
        }
    }

    private static async Task<List<string>> ListAsync(Api api, int number, CancellationToken ct)
    {
        List<string> found = [];
        string? cursor = null;
        do
        {
            var path = $"/v1/conversations/bulk-{number}/messages?tenant_id={Tenant}&limit={Page}";
            var answer = await api.GetAsync(cursor is null ? path : $"{path}&cursor={cursor}", ct);
            if (!answer.IsSuccess)
            {
                break;
            }

            found.AddRange(answer.Json.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("content").GetString()!));
            cursor = answer.Json.TryGetProperty("next_cursor", out var next) ? next.GetString() : null;
        }
        while (cursor is not null);
        return found;
    }
}
