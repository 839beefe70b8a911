using Memoir.Faults.Common;

namespace Memoir.Faults.Cycles;

/// <summary>One connection that writes until its server dies under it.</summary>
internal sealed class Writer(OperationMix mix, Ledger ledger)
{
    public OperationMix Mix => mix;

    /// <summary>What this cycle was acknowledged, in order.</summary>
    public List<Operation> Acknowledged { get; } = [];

    /// <summary>The operation that was under way when the server died.</summary>
    public Operation? Unanswered { get; private set; }

    /// <summary>Writes until the connection or the storage breaks; tells at once when an answer has come.</summary>
    public async Task RunAsync(Api api, Phase phase, CancellationToken ct)
    {
        Acknowledged.Clear();
        Unanswered = null;
        while (!ct.IsCancellationRequested)
        {
            var operation = mix.Next();
            ApiAnswer answer;
            try
            {
                answer = await api.SendAsync(operation, ct);
            }
            catch (Exception error) when (error is HttpRequestException or IOException or OperationCanceledException)
            {
                LeaveInDoubt(operation, 0);
                return;
            }

            if (phase.LeavesInDoubt(answer.Status))
            {
                LeaveInDoubt(operation, phase.IsCut ? 0 : answer.Status);
                return;
            }

            phase.Tell(answer);
            ledger.Record(operation, answer.Status, answer.Body);
            if (answer.IsSuccess)
            {
                operation.Settle(answer.Status, answer.Body);
                mix.Settled(operation);
                Acknowledged.Add(operation);
            }
            else if (answer.Status is 429 or 503 or 507)
            {
                // Refused for now: nothing may have happened, which the check of the messages shows.
                await Task.Delay(TimeSpan.FromMilliseconds(20), ct);
            }
            else
            {
                ledger.Report("unexpected", operation.Title, $"answered {answer.Status}: {answer.Excerpt}");
            }
        }
    }

    private void LeaveInDoubt(Operation operation, int status)
    {
        ledger.Record(operation, status, null);
        operation.Doubt();
        Unanswered = operation;
    }
}
