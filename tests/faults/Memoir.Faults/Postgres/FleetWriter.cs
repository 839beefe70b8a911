using System.Diagnostics;
using System.Text.Json;
using Memoir.Faults.Common;
using Memoir.Faults.Cycles;

namespace Memoir.Faults.Postgres;

/// <summary>
/// A careful client of both API processes: it writes on one and reads on the other, and what was not acknowledged it sends
/// again, where that is safe, until it is.
/// </summary>
internal sealed class FleetWriter(int number, int seed, Fleet fleet, Outages outages, Ledger ledger)
{
    private static readonly TimeSpan Longest = Fleet.RequestTimeout + TimeSpan.FromSeconds(6);

    private static readonly long LongestStart = 20 * Stopwatch.Frequency;

    private readonly Random _random = new(seed + number);
    private int _turn = number;

    public OperationMix Mix { get; } = new(number, seed, ledger);

    public List<Operation> Acknowledged { get; } = [];

    /// <summary>What was never acknowledged and cannot be sent again: it may have happened, but not in part.</summary>
    public List<Operation> Doubted { get; } = [];

    /// <summary>Acknowledged changes that were looked for on the other process.</summary>
    public int Reads { get; private set; }

    public int SentAgain { get; private set; }

    public async Task RunAsync(Func<bool> goesOn, CancellationToken ct)
    {
        while (goesOn())
        {
            await CarryOutAsync(Mix.Next(), ct);
        }
    }

    private async Task CarryOutAsync(Operation operation, CancellationToken ct)
    {
        for (var attempt = 1; ; attempt++)
        {
            var member = fleet.Apis[_turn++ % 2];
            var answer = await SendAsync(member, api => api.SendAsync(operation, ct), operation, ct);
            if (attempt > 1 && operation.Method == HttpMethod.Delete && answer?.Status == 404)
            {
                answer = answer with { Status = 204 }; // The first one was carried out.
            }

            if (answer is { IsSuccess: true })
            {
                operation.Settle(answer.Status, answer.Body);
                Mix.Settled(operation);
                Acknowledged.Add(operation);
                await ReadOnOtherAsync(operation, fleet.Apis[_turn % 2], ct);
                return;
            }

            if (answer is { Status: not (503 or 504) } || !CanRepeat(operation))
            {
                operation.Doubt();
                Doubted.Add(operation);
                return;
            }

            SentAgain++;
            await Task.Delay(TimeSpan.FromMilliseconds(400), ct); // What a dead process left in the server's hands comes to its end.
        }
    }

    /// <summary>A store with a key or an external id, a change, a deletion.</summary>
    private static bool CanRepeat(Operation operation) =>
        operation.IsRepeatable || operation.Changes.All(change => change.Message.ExternalId is not null);

    /// <returns>Null when there was no answer.</returns>
    private async Task<ApiAnswer?> SendAsync(Member member, Func<Api, Task<ApiAnswer>> send, Request? request, CancellationToken ct)
    {
        var began = Stopwatch.GetTimestamp();
        ApiAnswer? answer = null;
        var failure = "did not answer";
        try
        {
            answer = await send(member.Api);
        }
        catch (Exception error) when (error is HttpRequestException or IOException or OperationCanceledException && !ct.IsCancellationRequested)
        {
            failure = error.Message;
        }

        var title = request is null ? "a read" : $"{request.Kind} {request.Number}";
        if (request is not null)
        {
            ledger.Record(request, answer?.Status ?? 0, answer?.Body);
        }

        if (Stopwatch.GetElapsedTime(began) > Longest && !member.WasDisturbed(began))
        {
            ledger.Report("unexpected", title, $"hung for {Stopwatch.GetElapsedTime(began).TotalSeconds:N1} s on {member.Endpoint}");
        }

        var isExcused = answer switch
        {
            null => member.WasDisturbed(began - LongestStart),
            { IsSuccess: true } or { Status: 404 } => true,
            { Status: 503 } => outages.Met(began),
            { Status: 504 } => outages.Met(began) || member.WasDisturbed(began - LongestStart), // A cold process on a busy machine is slow.
            _ => false,
        };
        if (!isExcused)
        {
            ledger.Report("unexpected", title, $"on {member.Endpoint}: {(answer is null ? failure : $"{answer.Status} {answer.Excerpt}")}");
            if (answer is not null)
            {
                Console.Error.WriteLine($"Its last lines: {member.LastLines}");
            }
        }

        return answer;
    }

    /// <summary>What one process acknowledged, the other shows at once: by its id, in the list, and to a search.</summary>
    private async Task ReadOnOtherAsync(Operation operation, Member other, CancellationToken ct)
    {
        if (operation.Changes.Count == 0)
        {
            return;
        }

        var (message, after) = operation.Changes[_random.Next(operation.Changes.Count)];
        if (message.Id is null || (after is null && message.Past.Count == 0))
        {
            return;
        }

        Reads++;
        var byId = await SendAsync(other, api => api.GetAsync($"/v1/messages/{message.Id}?tenant_id={message.Tenant}", ct), null, ct);
        if (byId is { Status: 200 or 404 } && (after is null ? byId.IsSuccess : !byId.IsSuccess || !after.Matches(byId.Json)))
        {
            ledger.Report("lost", message.Entity, $"{operation.Title} was acknowledged, but the other process shows {byId.Status} {byId.Excerpt}");
        }

        var list = await SendAsync(
            other, api => api.GetAsync($"/v1/conversations/{message.Conversation}/messages?tenant_id={message.Tenant}&limit=200", ct), null, ct);
        if (list is { IsSuccess: true } && Has(list, item => MessageVersion.Text(item, "id") == message.Id && (after is null || after.Matches(item))) != (after is not null))
        {
            ledger.Report("lost", $"{message.Entity} in its list", $"{operation.Title} was acknowledged, but the other process lists otherwise ({message.Id})");
        }

        var shown = after ?? message.Past[^1];
        var search = await SendAsync(
            other, api => api.GetAsync($"/v1/memory/search?tenant_id={message.Tenant}&query={shown.Token}&mode=lexical&top_k=20", ct), null, ct);
        if (search is { IsSuccess: true } && Has(search, shown.IsContentOf) != (after is not null))
        {
            ledger.Report("lost", $"{message.Entity} in a search", $"{operation.Title} was acknowledged, but the other process {(after is null ? "still finds" : "does not find")} {shown.Token}");
        }
    }

    private static bool Has(ApiAnswer answer, Func<JsonElement, bool> isIt) => answer.Json.GetProperty("items").EnumerateArray().Any(isIt);
}
