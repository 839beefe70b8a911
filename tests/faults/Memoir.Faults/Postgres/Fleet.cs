using System.Diagnostics;
using System.Globalization;
using System.Net;
using Memoir.Bench.Hosts;
using Memoir.Faults.Common;
using Memoir.Faults.Jobs;
using Memoir.Faults.Jobs.Inside;

namespace Memoir.Faults.Postgres;

/// <summary>Two <c>api</c> and two <c>worker</c> processes on one database, each on a port that it keeps when it is started again.</summary>
internal sealed class Fleet : IAsyncDisposable
{
    public static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(6);

    private readonly PostgresOptions _options;
    private readonly Member[] _members;

    public Fleet(PostgresOptions options, IReadOnlyDictionary<string, string> settings, string clockFolder)
    {
        _options = options;
        Clock = new ServerClock(clockFolder, CountedWork.ClockVariable);

        // One worker lives by a clock that is set, the other by the true one: they disagree about every lease.
        _members =
        [
            new Member("api", settings), new Member("api", settings),
            new Member("worker", Worker(settings, Clock.Settings)), new Member("worker", Worker(settings, new Dictionary<string, string>())),
        ];
    }

    public ServerClock Clock { get; }

    public IReadOnlyList<Member> Apis => _members[..2];

    public IReadOnlyList<Member> Workers => _members[2..];

    /// <summary>One first, which brings the database up to date, then the others at once.</summary>
    public async Task StartAsync(CancellationToken ct)
    {
        await _members[0].StartAsync(_options, ct);
        await Task.WhenAll(_members.Skip(1).Select(member => member.StartAsync(_options, ct)));
    }

    /// <summary>Waits until every process says by itself that it is ready: none of them is started again.</summary>
    public async Task RecoverAsync(Ledger ledger, CancellationToken ct)
    {
        foreach (var member in _members)
        {
            if (!await member.IsReadyWithinAsync(TimeSpan.FromSeconds(20), ct))
            {
                ledger.Report("unexpected", $"{member.Role} {member.Endpoint.Port}", $"did not find its way back: {member.LastLines}");
            }
        }
    }

    /// <summary>SIGTERM to all; anything but a clean exit is reported.</summary>
    public Task StopAsync(Ledger ledger, CancellationToken ct) => Task.WhenAll(_members.Select(member => member.StopAsync(ledger, ct)));

    public async ValueTask DisposeAsync()
    {
        foreach (var member in _members)
        {
            await member.DisposeAsync();
        }
    }

    private Dictionary<string, string> Worker(IReadOnlyDictionary<string, string> settings, IReadOnlyDictionary<string, string> clock)
    {
        var all = CountedServer.Settings(_options.Jobs, maxAttempts: 50);
        foreach (var (name, value) in settings.Concat(clock))
        {
            all[name] = value;
        }

        return all;
    }
}

/// <summary>One process of the fleet, or the place that it will be started at again.</summary>
internal sealed class Member(string role, IReadOnlyDictionary<string, string> settings) : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private ServerProcess? _process;
    private long _disturbed;
    private bool _isDown;

    public string Role => role;

    public IPEndPoint Endpoint { get; } = new(IPAddress.Loopback, ServerProcess.FreePort());

    public Api Api => field ??= new Api(Endpoint);

    public string LastLines => _process?.LastLines ?? "";

    /// <summary>Whether it was started, killed or stopped since, or is not there.</summary>
    public bool WasDisturbed(long since) => Volatile.Read(ref _isDown) || Volatile.Read(ref _disturbed) >= since;

    public async Task StartAsync(PostgresOptions options, CancellationToken ct)
    {
        var all = new Dictionary<string, string>(settings)
        {
            ["MEMORY_HOST"] = "127.0.0.1",
            ["MEMORY_PORT"] = Endpoint.Port.ToString(CultureInfo.InvariantCulture),
            ["MEMORY_API_KEYS"] = Api.OperatorKey,
            ["MEMORY_GLOBAL_RATE_LIMIT"] = "off",
            ["MEMORY_TENANT_RATE_LIMIT"] = "off",
            ["MEMORY_LOG_LEVEL"] = "WARNING",
            ["MEMORY_REQUEST_TIMEOUT_SECONDS"] = Fleet.RequestTimeout.TotalSeconds.ToString(CultureInfo.InvariantCulture),
        };
        foreach (var (name, value) in options.Settings)
        {
            all[name] = value;
        }

        _process = ServerProcess.Start(ServerProcess.DotnetHost, [options.ServerPath, role], Endpoint.Port, all);
        if (!await IsReadyWithinAsync(Patience, ct))
        {
            throw new ServerDownException($"A process did not become ready: {role}. Its last lines:\n{LastLines}");
        }

        Volatile.Write(ref _isDown, false);
        Disturb(); // It is cold.
    }

    public async Task<bool> IsReadyWithinAsync(TimeSpan time, CancellationToken ct)
    {
        var began = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(began) < time && _process is { HasExited: false })
        {
            try
            {
                if ((await Api.GetAsync("/v1/admin/readiness", ct)).Status == 200)
                {
                    return true;
                }
            }
            catch (HttpRequestException)
            {
                // It does not listen yet.
            }

            await Task.Delay(TimeSpan.FromMilliseconds(50), ct);
        }

        return false;
    }

    public async Task KillAsync()
    {
        Volatile.Write(ref _isDown, true);
        await _process!.DisposeAsync();
    }

    /// <summary>Stops it in the middle of whatever it does, and wakes it after a while.</summary>
    public async Task FreezeAsync(TimeSpan time, CancellationToken ct)
    {
        Disturb();
        Cluster.Signal("STOP", _process!.Id);
        await Task.Delay(time, ct);
        Cluster.Signal("CONT", _process.Id);
        Disturb();
    }

    public Task StopAsync(Ledger ledger, CancellationToken ct) => ServerUnderTest.StopAsync(_process!, ledger, ct);

    public async ValueTask DisposeAsync()
    {
        Api.Dispose();
        if (_process is not null)
        {
            await _process.DisposeAsync();
        }
    }

    private void Disturb() => Volatile.Write(ref _disturbed, Stopwatch.GetTimestamp());
}
