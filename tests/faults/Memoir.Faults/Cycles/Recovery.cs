using Memoir.Faults.Common;

namespace Memoir.Faults.Cycles;

/// <summary>What a careful client does after a crash: it sends again what was never answered, and finds the effect once.</summary>
internal sealed class Recovery(Api api, Ledger ledger)
{
    private const int ReplaysPerCycle = 20;

    /// <summary>Settles every unanswered operation: by sending it again where that is safe, else by what was found.</summary>
    public async Task SettleAsync(IEnumerable<Writer> writers, CancellationToken ct)
    {
        foreach (var writer in writers)
        {
            if (writer.Unanswered is not { } operation)
            {
                continue;
            }

            var found = operation.WasFound();
            if (operation.Changes.Count > 0 && found is null)
            {
                ledger.Report("torn", operation.Title, $"only a part of its {operation.Changes.Count} messages is there");
            }

            if (operation.IsRepeatable)
            {
                await RepeatAsync(writer, operation, found, ct);
            }
            else
            {
                AcceptWhatIsThere(writer, operation, found == true);
            }
        }
    }

    /// <summary>
    /// Sends acknowledged operations again: the first answer must come back, byte for byte, without a second effect; or a
    /// refusal, where the message was deleted since.
    /// </summary>
    public async Task ReplayAsync(IReadOnlyList<Operation> acknowledged, Random random, CancellationToken ct)
    {
        var keyed = acknowledged.Where(operation => operation is { Key: not null, ApiKey: null }).ToArray();
        if (keyed.Length == 0)
        {
            return; // A short cycle may have acknowledged none.
        }

        foreach (var operation in random.GetItems(keyed, Math.Min(ReplaysPerCycle, keyed.Length)))
        {
            var answer = await api.SendAsync(operation, ct);
            if (answer.Status == 409 && operation.Changes.Any(change => change.Message.WasDeleted))
            {
                continue;
            }

            if (!answer.IsReplay || answer.Status != operation.AnsweredStatus || !answer.Body.AsSpan().SequenceEqual(operation.AnsweredBody))
            {
                ledger.Report("duplicated", operation.Title, $"was not replayed: {answer.Status} {answer.Excerpt}");
            }
        }
    }

    private async Task RepeatAsync(Writer writer, Operation operation, bool? found, CancellationToken ct)
    {
        var answer = await api.SendAsync(operation, ct);
        ledger.Record(operation, answer.Status, answer.Body);
        if (operation.Method == HttpMethod.Delete && answer.Status == 404)
        {
            answer = answer with { Status = 204 };
        }

        if (!answer.IsSuccess)
        {
            ledger.Report("unexpected", operation.Title, $"repeated, answered {answer.Status}: {answer.Excerpt}");
            return;
        }

        if (operation.Key is not null && operation.Changes.Count > 0 && answer.IsReplay != (found == true))
        {
            ledger.Report("torn", operation.Title, $"effect found: {found == true}, its key found: {answer.IsReplay}");
        }

        operation.Settle(answer.Status, answer.Body);
        writer.Mix.Settled(operation);
        writer.Acknowledged.Add(operation);
    }

    private static void AcceptWhatIsThere(Writer writer, Operation operation, bool found)
    {
        foreach (var (message, after) in operation.Changes)
        {
            if (message.Observed == after)
            {
                message.Settle(after);
            }
            else
            {
                message.Dismiss();
            }
        }

        if (found)
        {
            writer.Mix.Settled(operation);
        }
    }
}
