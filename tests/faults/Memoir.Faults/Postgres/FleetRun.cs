using System.Diagnostics;
using Memoir.Faults.Common;
using Memoir.Faults.Cycles;

namespace Memoir.Faults.Postgres;

/// <summary>Writers and jobs on two APIs and two workers, while these and their database are killed, frozen and set back; then all is held against the ledger.</summary>
internal sealed class FleetRun(PostgresOptions options, Ledger ledger, Cluster cluster, Fleet fleet)
{
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(30);
    private const int SearchLimit = 300;

    private readonly Outages _outages = new();
    private Disturbances? _disturbances;
    private List<FleetWriter> _writers = [];

    public string Disturbed => $"{_disturbances?.Total ?? 0} disturbances ({_disturbances?.Counts})";

    public long Effects { get; private set; }

    public long Doubles { get; private set; }

    public int Reads => _writers.Sum(writer => writer.Reads);

    public int SentAgain => _writers.Sum(writer => writer.SentAgain);

    private bool HasFound => (options.ExpectLoss && ledger.Lost > 0) || (options.ExpectDoubles && Doubles > 0);

    private bool IsControl => options.ExpectLoss || options.ExpectDoubles;

    public async Task RunAsync(CancellationToken ct)
    {
        _disturbances = new Disturbances(cluster, fleet, _outages, options, ledger);
        await fleet.StartAsync(ct);
        _writers = [.. Enumerable.Range(0, options.Writers).Select(i => new FleetWriter(i, options.Seed, fleet, _outages, ledger))];
        var isOver = false;
        var writing = Task.WhenAll(_writers.Select(writer => writer.RunAsync(() => !Volatile.Read(ref isOver), ct)));
        try
        {
            await DisturbAsync(ct);
        }
        finally
        {
            Volatile.Write(ref isOver, true);
        }

        // What is under way is still sent again until it is acknowledged.
        await writing.WaitAsync(TimeSpan.FromMinutes(2), ct);
        if (IsControl && HasFound)
        {
            return;
        }

        await fleet.RecoverAsync(ledger, ct);
        await WaitForJobsAsync(ct);
        await VerifyAsync(ct);
        if (!IsControl)
        {
            await fleet.StopAsync(ledger, ct);
        }
    }

    private async Task DisturbAsync(CancellationToken ct)
    {
        var began = Stopwatch.GetTimestamp();
        for (var round = 0; round < options.Rounds && Stopwatch.GetElapsedTime(began) < Longest; round++)
        {
            await CountAsync(ct);
            if (HasFound)
            {
                return;
            }

            await _disturbances!.RoundAsync(() => Task.Delay(TimeSpan.FromMilliseconds(700), ct), ct);
            Console.Error.WriteLine(
                $"round {round + 1}: {ledger.Acknowledged} acknowledged, {ledger.Lost} lost, {ledger.Torn} torn, {ledger.Duplicated} duplicated, "
                + $"{ledger.Unexpected} unexpected answers, {Effects} effects, {Doubles} twice");
        }
    }

    private async Task WaitForJobsAsync(CancellationToken ct)
    {
        fleet.Clock.Shift(0);
        var began = Stopwatch.GetTimestamp();
        while ((await CountAsync(ct)).Open > 0 && Stopwatch.GetElapsedTime(began) < TimeSpan.FromMinutes(10))
        {
            await Task.Delay(TimeSpan.FromMilliseconds(250), ct);
        }

        if (Doubles > 0)
        {
            ledger.Report("duplicated", "effects", $"{Doubles} more than jobs that had one");
        }

        if (!options.ExpectDoubles && Effects - Doubles != options.Jobs)
        {
            ledger.Report("lost", "effects", $"{Effects - Doubles} of {options.Jobs} jobs had one");
        }
    }

    /// <summary>Everything that was written, listed on one process and searched on the other.</summary>
    private async Task VerifyAsync(CancellationToken ct)
    {
        var messages = _writers.SelectMany(writer => writer.Mix.Messages).ToList();
        var one = new Checker(fleet.Apis[0].Api, ledger);
        var other = new Checker(fleet.Apis[1].Api, ledger);
        await one.CheckConversationsAsync(messages, ct);
        foreach (var operation in _writers.SelectMany(writer => writer.Doubted).Where(operation => operation.Changes.Count > 0 && operation.WasFound() is null))
        {
            if (operation.Changes.All(change => change.After is not null && change.Message.Past.Count == 0))
            {
                ledger.Report("torn", operation.Title, $"only a part of its {operation.Changes.Count} messages is there");
            }
        }

        if (options.ExpectLoss)
        {
            return;
        }

        await other.CheckByIdAsync(messages.AsEnumerable().Reverse().Take(10 * SearchLimit).Where(message => !message.InDoubt), ct);
        var searched = messages.Where(message => !message.InDoubt).ToArray();
        Random.Shared.Shuffle(searched);
        await one.CheckBySearchAsync(searched.Take(SearchLimit / 2), ct);
        await other.CheckBySearchAsync(searched.Skip(SearchLimit / 2).Take(SearchLimit / 2), ct);
        await other.CheckKeysAsync([.. _writers.SelectMany(writer => writer.Mix.Keys)], ct);
        await new Recovery(fleet.Apis[1].Api, ledger).ReplayAsync([.. _writers.SelectMany(writer => writer.Acknowledged)], Random.Shared, ct);
    }

    private async Task<(long Effects, long Jobs, long Open)> CountAsync(CancellationToken ct)
    {
        var counts = await cluster.CountAsync(ct);
        Effects = counts.Effects;
        Doubles = counts.Effects - counts.Jobs;
        return counts;
    }
}
