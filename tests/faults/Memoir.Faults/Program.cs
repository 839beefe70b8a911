using Memoir.Faults.Jobs;
using Memoir.Faults.Kill9;
using Memoir.Faults.SlowClients;

using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, pressed) =>
{
    pressed.Cancel = true;
    stop.Cancel();
};

return args switch
{
    ["kill9", .. var rest] => await Kill9Command.RunAsync(rest, stop.Token),
    ["jobs", .. var rest] => await JobsCommand.RunAsync(rest, stop.Token),
    ["slow", .. var rest] => await SlowClientsCommand.RunAsync(rest, stop.Token),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine(
        """
        usage: dotnet run -c Release --project tests/faults/Memoir.Faults -- kill9|jobs|slow [options]

        kill9: nothing that was acknowledged is lost
          --cycles N          how many times the server is killed (20)
          --seed N            repeats the choices of a run, though not its timing
          --server PATH       the Memoir.Server.dll to run (the Release build beside this program)
          --writers N         connections that write at once (6)
          --search-limit N    messages looked up by search in each cycle (all)
          --expect-loss       succeeds only when something acknowledged is found missing: the control

        jobs: each job has its effect once; poisoned ones stop no others
          --jobs N            jobs of the run with kills, stops and clock shifts (5000)
          --good N            good jobs around the poisoned ones (1000)
          --server PATH       as above
          --expect-doubles    succeeds only when an effect is found twice: the control

        slow: half-open connections, slow bodies and slow readers beside honest clients
          --quick             300 half-open connections and 20 slow readers instead of 2000 and 50; no waiting for the last cut
          --server PATH       as above
        """);
    return 64;
}
