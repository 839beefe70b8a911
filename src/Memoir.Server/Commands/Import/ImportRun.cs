using Memoir.Kit.CommandLine;
using Memoir.Server.Commands.Connections;

namespace Memoir.Server.Commands.Import;

/// <summary>One run over a file: reads the next batch while the server stores the last one, and says what became of all.</summary>
internal sealed class ImportRun(ImportFile file, string path, ImportDefaults defaults, Terminal terminal)
{
    private const int BatchesPerCheckpoint = 10;
    private readonly IMessageSource _source = file.Source;
    private string _fingerprint = "";
    private Guid? _first;
    private Guid _last;
    private string _tenant = defaults.TenantOrDefault;
    private long _stored;
    private long _storedBefore;
    private long _refused;
    private int _batches;
    private bool _cannotSave;

    /// <summary>Reads and checks everything and stores nothing.</summary>
    public async Task<int> CheckAsync(CancellationToken ct)
    {
        using var rejected = new RejectedFile(path, _source.Unit, terminal);
        await foreach (var entry in _source.ReadAsync(default, ct))
        {
            if (entry.Message is null)
            {
                _refused++;
                rejected.Show([entry]);
            }
            else
            {
                _stored++;
            }

            terminal.Progress(Standing);
        }

        terminal.Line(FormattableString.Invariant($"{_stored:N0} messages could be stored in tenant {defaults.TenantOrDefault}; nothing was."));
        return Conclude($"Refused: {_refused:N0}.");
    }

    public async Task<int> StoreAsync(MemoirClient client, CancellationToken ct)
    {
        _fingerprint = await ImportProgress.FingerprintAsync(file.Stream, file.Format, defaults, ct);
        using var rejected = new RejectedFile(path, _source.Unit, terminal);
        var from = await ResumeAsync(client, rejected, ct);

        // Two batches take turns: one is filled while the other is on its way.
        var (filling, sending) = (new ImportBatch(), new ImportBatch());
        var underWay = Task.CompletedTask;
        try
        {
            await foreach (var entry in _source.ReadAsync(from, ct))
            {
                if (!filling.Takes(entry) || filling.IsFull)
                {
                    await underWay;
                    (filling, sending) = (sending, filling);
                    filling.Clear();
                    underWay = SendAsync(client, sending, rejected, ct);
                }

                filling.Add(entry, _source.Position);
                terminal.Progress(Standing);
            }
        }
        finally
        {
            await underWay;
        }

        await SendAsync(client, filling, rejected, ct);
        ImportProgress.Forget(path);
        var seconds = Math.Max(0.001, terminal.Elapsed.TotalSeconds);
        terminal.Line(FormattableString.Invariant(
            $"{_stored:N0} messages are in tenant {_tenant} ({_stored - _storedBefore:N0} sent in {seconds:0.0} s, {(_stored - _storedBefore) / seconds:N0}/s)."));
        return Conclude($"Refused: {_refused:N0}{(rejected.IsWritten ? $", see {PrintableText.Of(rejected.Path)}" : "")}.");
    }

    /// <summary>Where an earlier run of this import came to, if the server still has what it stored.</summary>
    private async Task<SourcePosition> ResumeAsync(MemoirClient client, RejectedFile rejected, CancellationToken ct)
    {
        if (await ImportProgress.LoadAsync(path, _fingerprint, ct) is { } progress
            && await HasAllAsync(client, progress, ct)
            && rejected.Begin(progress.RejectedBytes))
        {
            (_stored, _storedBefore, _refused, _tenant) = (progress.Stored, progress.Stored, progress.Refused, progress.Tenant);
            (_first, _last) = (progress.Witnesses[0], progress.Witnesses[^1]);
            terminal.Note($"an earlier run came to {_source.Unit} {progress.Count}; going on from there");
            return new SourcePosition(progress.Count, progress.Offset);
        }

        rejected.Begin(keep: 0);
        return default;
    }

    private static async Task<bool> HasAllAsync(MemoirClient client, ImportProgress progress, CancellationToken ct)
    {
        foreach (var witness in progress.Witnesses)
        {
            if (await client.FindAsync(progress.Tenant, witness, ct) is null)
            {
                return false;
            }
        }

        return progress.Witnesses.Count > 0;
    }

    private async Task SendAsync(MemoirClient client, ImportBatch batch, RejectedFile rejected, CancellationToken ct)
    {
        if (batch.IsEmpty)
        {
            return;
        }

        await SendAsync(client, batch, 0, batch.Count, ct);
        rejected.Write(batch.Refused);
        _refused += batch.Refused.Count;
        if (++_batches % BatchesPerCheckpoint == 0 && _first is { } first && !_cannotSave)
        {
            var progress = new ImportProgress
            {
                Fingerprint = _fingerprint,
                Count = batch.End.Count,
                Offset = batch.End.Offset,
                Stored = _stored,
                Refused = _refused,
                RejectedBytes = rejected.Length,
                Tenant = _tenant,
                Witnesses = [first, _last],
            };
            _cannotSave = !await progress.SaveAsync(path, ct);
            if (_cannotSave)
            {
                terminal.Note("the folder of the file cannot be written, so an interrupted import begins anew");
            }
        }
    }

    /// <summary>A server may take less than we do: then in halves.</summary>
    private async Task SendAsync(MemoirClient client, ImportBatch batch, int from, int count, CancellationToken ct)
    {
        if (count == 0)
        {
            return;
        }

        var answer = await client.StoreAsync(batch.Body(from, count), ct);
        if (answer is null && count == 1)
        {
            batch.Refuse(from, "the server takes only smaller requests");
            return;
        }

        if (answer is null)
        {
            await SendAsync(client, batch, from, count / 2, ct);
            await SendAsync(client, batch, from + (count / 2), count - (count / 2), ct);
            return;
        }

        foreach (var item in answer.Items)
        {
            if (item.Id is { } id)
            {
                _first ??= id;
                _last = id;
                _stored++;
            }
            else
            {
                batch.Refuse(from + item.Index, item.Error?.TryGetProperty("detail", out var detail) is true ? detail.ToString() : "refused by the server");
            }
        }

        _tenant = batch.Tenant!;
    }

    private int Conclude(string refused)
    {
        if (_source.Skipped.Count > 0)
        {
            var reasons = _source.Skipped.Select(reason => FormattableString.Invariant($"{reason.Value:N0} {reason.Key}"));
            terminal.Line($"Left out: {string.Join(", ", reasons)}.");
        }

        if (_refused == 0)
        {
            return ExitCode.Done;
        }

        terminal.Line(refused);
        return ExitCode.Data;
    }

    private string Standing()
    {
        var share = file.Share is { } part ? FormattableString.Invariant($", {part:P0} of the file") : "";
        var rate = (_stored - _storedBefore) / Math.Max(0.001, terminal.Elapsed.TotalSeconds);
        return FormattableString.Invariant($"{_stored:N0} messages{share}, {rate:N0}/s, {_refused:N0} refused");
    }
}
