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
    ["slow", .. var rest] => await SlowClientsCommand.RunAsync(rest, stop.Token),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine(
        """
        usage: dotnet run -c Release --project tests/faults/Memoir.Faults -- kill9 [options]

          --cycles N          how many times the server is killed (20)
          --seed N            repeats the choices of a run, though not its timing
          --server PATH       the Memoir.Server.dll to run (the Release build beside this program)
          --writers N         connections that write at once (6)
          --search-limit N    messages looked up by search in each cycle (all)
          --expect-loss       succeeds only when something acknowledged is found missing: the control

        usage: dotnet run -c Release --project tests/faults/Memoir.Faults -- slow [options]

          --quick             300 half-open connections and 20 slow readers instead of 2000 and 50; no waiting for the last cut
          --server PATH       the Memoir.Server.dll to run
        """);
    return 64;
}
