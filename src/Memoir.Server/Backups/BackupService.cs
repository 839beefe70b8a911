using Memoir.Kit.Audit;
using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Kit.Jobs;
using Memoir.Kit.Telemetry;
using Memoir.Server.Memories;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Backups;

/// <summary>A backup that was asked for, and how it stands.</summary>
internal sealed record BackupRequest(string Path, DateTimeOffset At, string State, string? Error);

/// <summary>
/// Decides when this process makes a backup into its folder, one at a time, and which of the older ones go: none before
/// the new one was read back.
/// </summary>
internal sealed class BackupService : IDisposable
{
    public const string Waiting = "waiting";
    public const string Running = "running";
    public const string Complete = "complete";
    public const string Failed = "failed";

    private const string Turn = "backup";
    private static readonly TimeSpan Look = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan PauseAfterFailure = TimeSpan.FromMinutes(15);

    private readonly BackupMaker _maker;
    private readonly Database _database;
    private readonly Schedule _schedule;
    private readonly TimeProvider _time;
    private readonly Meters _meters;
    private readonly BackupOptions _options;
    private readonly SemaphoreSlim _asked = new(0, 1);
    private readonly Lock _gate = new();
    private BackupRequest? _request;
    private DateTimeOffset? _failedAt;
    private long _taken;

    public BackupService(BackupMaker maker, Database database, Schedule schedule, Meters meters, BackupPlan plan)
    {
        (_maker, _database, _schedule, _meters) = (maker, database, schedule, meters);
        (_options, _time, Folder) = (plan.Options, plan.Time, plan.Folder);
        meters.BackupTaken = () => Volatile.Read(ref _taken);
    }

    /// <summary>Null where none is set and the database is a server.</summary>
    public BackupFolder? Folder { get; }

    /// <summary>The last one that was asked for; null when none was.</summary>
    public BackupRequest? Last
    {
        get
        {
            lock (_gate)
            {
                return _request;
            }
        }
    }

    /// <summary>Asks for a backup, which is then begun in the background.</summary>
    /// <param name="tenant">In whose trail it is recorded.</param>
    /// <param name="writer">Who asks.</param>
    /// <param name="ct">Ends waiting.</param>
    /// <exception cref="ProblemException">One is under way, or there is no folder for it: 409 <c>conflict</c>.</exception>
    public async Task<BackupRequest> AskAsync(Tenant tenant, Writer writer, CancellationToken ct)
    {
        var request = Ask();
        var record = new AuditRecord(writer.Credential, "backup.make", Path.GetFileName(request.Path), 1, writer.RequestId);
        try
        {
            await _database.WriteAsync(tenant, session => AuditLog.AppendAsync(session, record, request.At), ct);
        }
        catch
        {
            Withdraw(request); // What was not recorded is not made.
            throw;
        }

        _asked.Release();
        return request;
    }

    private void Withdraw(BackupRequest request)
    {
        lock (_gate)
        {
            _request = _request == request ? null : _request;
        }
    }

    private BackupRequest Ask()
    {
        var folder = Folder ?? throw new ProblemException(Problem.Conflict, "There is no folder for backups: MEMORY_BACKUP_DIRECTORY is not set.");
        lock (_gate)
        {
            if (_request is { State: Waiting or Running } open)
            {
                throw new ProblemException(Problem.Conflict, $"One backup at a time: {Path.GetFileName(open.Path)} is under way.");
            }

            var now = _time.Now();
            _request = new BackupRequest(folder.NewPath(now), now, Waiting, null);
            return _request;
        }
    }

    /// <summary>Waits until one is asked for, at most a minute.</summary>
    public Task WaitAsync(CancellationToken ct) => _asked.WaitAsync(Look, ct);

    /// <summary>Makes the backup that was asked for, or the one that is due.</summary>
    /// <returns>Its file; null when there is nothing to do.</returns>
    public async Task<string?> RunAsync(CancellationToken ct)
    {
        if (Folder is null)
        {
            return null;
        }

        NoteNewest(Folder);
        var isPlanned = Last is not { State: Waiting };
        if (isPlanned && !await TakeTurnAsync(Folder, ct))
        {
            return null;
        }

        var request = Begin(Folder);
        var outcome = request with { State = Failed, Error = "The server stopped meanwhile." };
        try
        {
            Folder.Prepare();
            await _maker.MakeAsync(request.Path, (_, _) => { }, ct);
            outcome = request with { State = Complete };
            NoteNewest(Folder);
            if (isPlanned)
            {
                Folder.Prune(_options.BackupsKept, _time.Now());
            }

            return request.Path;
        }
        finally
        {
            _failedAt = outcome.State == Complete ? null : _time.Now();
            _meters.BackupEnded(outcome.State == Complete);
            Set(outcome);
        }
    }

    /// <summary>Notes why the last one failed, for whoever asked for it.</summary>
    public void Explain(string reason)
    {
        lock (_gate)
        {
            _request = _request is { State: Failed } failed ? failed with { Error = reason } : _request;
        }
    }

    public void Dispose() => _asked.Dispose();

    /// <summary>Whether one is due and this process, of all that share the database, is to make it.</summary>
    private async Task<bool> TakeTurnAsync(BackupFolder folder, CancellationToken ct)
    {
        if (_options.Period() is not { } period)
        {
            return false;
        }

        var now = _time.Now();
        if (_failedAt is { } failed)
        {
            return now >= failed + PauseAfterFailure; // The turn is still its own.
        }

        var isDue = folder.ListUntil(now) is not [var newest, ..] || newest.CreatedAt + period <= now;
        return isDue && (!_database.IsShared || await _schedule.TakeAsync(Turn, period, ct));
    }

    private BackupRequest Begin(BackupFolder folder)
    {
        lock (_gate)
        {
            var now = _time.Now();
            var asked = _request is { State: Waiting } waiting ? waiting : new BackupRequest(folder.NewPath(now), now, Waiting, null);
            return _request = asked with { State = Running };
        }
    }

    private void NoteNewest(BackupFolder folder) =>
        Volatile.Write(ref _taken, folder.ListUntil(_time.Now()) is [var newest, ..] ? newest.CreatedAt.ToUnixTimeSeconds() : 0);

    private void Set(BackupRequest request)
    {
        lock (_gate)
        {
            _request = request;
        }
    }
}

/// <summary>The settings of backups as this process has them.</summary>
internal sealed class BackupPlan(IOptions<BackupOptions> options, IOptions<DatabaseOptions> database, TimeProvider time)
{
    public BackupOptions Options => options.Value;

    public TimeProvider Time => time;

    /// <summary>Null where none is set and the database is a server.</summary>
    public BackupFolder? Folder { get; } = options.Value.ResolveFolder(database.Value) is { } path ? new BackupFolder(path) : null;
}
