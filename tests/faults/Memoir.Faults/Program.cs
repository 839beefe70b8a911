using System.Runtime.InteropServices;
using Memoir.Faults.Cycles;
using Memoir.Faults.Disk;
using Memoir.Faults.Jobs;
using Memoir.Faults.Kill9;
using Memoir.Faults.Overload;
using Memoir.Faults.Postgres;
using Memoir.Faults.SlowClients;
using Memoir.Faults.Upgrade;

using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, pressed) =>
{
    pressed.Cancel = true;
    stop.Cancel();
};

// Mounted images are only unmounted when the program ends by itself.
using var terminated = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal =>
{
    signal.Cancel = true;
    stop.Cancel();
});

try
{
    return args switch
    {
        ["kill9", .. var rest] => await CycleCommand.RunAsync("kill9", rest, (options, ledger, folder) => new KillFault(options, ledger, folder), stop.Token),
        ["powercut", .. var rest] => await PowerCutCommand.RunAsync(rest, stop.Token),
        ["fsync", .. var rest] => await CycleCommand.RunAsync("fsync", rest, (options, ledger, folder) => new SyncErrorFault(options, ledger, folder), stop.Token),
        ["full", .. var rest] => await FullDiskCommand.RunAsync(rest, stop.Token),
        ["recovery", .. var rest] => await CycleCommand.RunAsync("recovery", rest, (options, ledger, folder) => new RecoveryFault(options, ledger, folder), stop.Token),
        ["jobs", .. var rest] => await JobsCommand.RunAsync(rest, stop.Token),
        ["postgres", .. var rest] => await PostgresCommand.RunAsync(rest, stop.Token),
        ["upgrade", .. var rest] => await UpgradeCommand.RunAsync(rest, stop.Token),
        ["migrations", .. var rest] => await MigrationKillsCommand.RunAsync(rest, stop.Token),
        ["slow", .. var rest] => await SlowClientsCommand.RunAsync(rest, stop.Token),
        ["overload", .. var rest] => await OverloadCommand.RunAsync(rest, stop.Token),
        _ => Usage(),
    };
}
catch (OperationCanceledException) when (stop.IsCancellationRequested)
{
    Console.Error.WriteLine("Broken off.");
    return 130;
}
catch (ToolException error)
{
    Console.Error.WriteLine($"NOT RUN to its end: {error.Message}");
    return 69;
}

static int Usage()
{
    Console.Error.WriteLine(
        """
        usage: dotnet run -c Release --project tests/faults/Memoir.Faults -- kill9|powercut|fsync|full|recovery|jobs|postgres|upgrade|migrations|slow|overload [options]

        kill9, powercut, fsync, full, recovery: nothing that was acknowledged is lost
        when the server is killed, the power is cut, an fsync fails, the disk is full, it is killed while it starts
          --cycles N          how many times that happens (20)
          --seed N            repeats the choices of a run, though not its timing
          --server PATH       the Memoir.Server.dll to run (the Release build beside this program)
          --writers N         connections that write at once (6)
          --search-limit N    messages looked up by search in each cycle (all)
          --expect-loss       succeeds only when something acknowledged is found missing: the control

          --seeded NAME       the promise that a server built with -p:SeededFault=Storage breaks
          --preload LIBRARY   loaded into the server before all others
          --fs NAMES          powercut: the file systems, one run each (xfs,ext4)
          --messages N        recovery: what lies in the database before (20000)
          --kills N           recovery: how often the start is killed (50)

        jobs: each job has its effect once; poisoned ones stop no others
          --jobs N            jobs of the run with kills, stops and clock shifts (5000)
          --good N            good jobs around the poisoned ones (1000)
          --server PATH       as above
          --expect-doubles    succeeds only when an effect is found twice: the control

        postgres: several processes on one PostgreSQL server, while they, it and its processes are killed and frozen
          --jobs N            jobs that each must have one effect (5000)
          --rounds N          how often each disturbance happens (10)
          --faults NAMES      only these disturbances
          --writers N, --seed N, --server PATH, --seeded NAME, --expect-loss, --expect-doubles   as above

        upgrade: two API processes on one PostgreSQL are replaced by the next release and back, one after the other, under load
          --next PATH         the Memoir.Server.dll of the next release
          --rounds N          how often (20)
          --rate N            requests in a second (300)
          --messages N        memories in the database before (1000000)
          --expect-failure    succeeds only when that fails: the control, with a migration that does not only add

        migrations: memoir migrate is killed before each of its statements, on both engines
          --step N            before every Nth alone (1)
          --server PATH       a server built with -p:SeededFault=Storage

        slow: half-open connections, slow bodies and slow readers beside honest clients
          --quick             300 half-open connections and 20 slow readers instead of 2000 and 50; no waiting for the last cut
          --server PATH       as above

        overload: floods of one tenant beside honest searches of another, refusals, and far more than can be served
          --quick             5 seconds for each figure instead of 30, and a smaller store
          --seconds N, --connections N (64), --server PATH
        """);
    return 64;
}
