using System.Diagnostics;
using System.Globalization;
using Memoir.Faults.Common;
using Memoir.Faults.Cycles;

namespace Memoir.Faults.Disk;

/// <summary>
/// One fsync of the server fails, made by strace: the Nth of the log for N = 1 to 20, or that of the database itself
/// when the log is copied into it. The ones after it would succeed, if the server tried.
/// </summary>
internal sealed class SyncErrorFault(CycleOptions options, Ledger ledger, string dataFolder) : IFault
{
    private static readonly string[] Errors = ["EIO", "ENOSPC", "EDQUOT"];
    private static readonly TimeSpan UntilReached = TimeSpan.FromSeconds(120);

    private readonly string _trace = dataFolder + ".trace";
    private int _reached;

    public string DataFolder => dataFolder;

    public bool StorageMayFail => true;

    public string Remarks => $"{_reached} failed syncs reached";

    public async Task StrikeAsync(Strike strike, CancellationToken ct)
    {
        var (error, nth, onlyDatabase) = Plan(strike.Cycle);
        var when = $"after {error} of {(onlyDatabase ? "the checkpoint's fsync" : $"fsync {nth}")} in cycle {strike.Cycle + 1}";
        var server = strike.Server;
        using var strace = await AttachAsync(server.Id, error, nth, onlyDatabase, ct);
        if (!await ReachedAsync(strike, ct))
        {
            ledger.Report("unexpected", when, "the fault was not reached");
        }
        else
        {
            _reached++;
            await Task.WhenAny(strike.Writing, Task.Delay(TimeSpan.FromSeconds(options.ExpectLoss ? 2 : 20), ct));
            if (!strike.Writing.IsCompleted)
            {
                ledger.Report("unexpected", when, "writes go on");
            }

            var probe = new Probe(strike.Api, ledger);
            await probe.WriteIsRefusedAsync(when, ct);
            await probe.ReadsAnswerAsync(when, mayBeRefused: false, ct);
        }

        // An orderly stop must not try the sync again either.
        if (strike.Cycle % 2 == 1 && !options.ExpectLoss)
        {
            await server.StopAsync(ServerUnderTest.Patience, ct);
        }
        else
        {
            await server.KillAsync();
        }

        await strace.WaitForExitAsync(ct);
        CheckTrace(when);
        File.Delete(_trace);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>Three of four cycles go through all pairs of error and N within 80; the fourth takes the checkpoint.</summary>
    private static (string Error, int Nth, bool OnlyDatabase) Plan(int cycle)
    {
        if (cycle % 4 == 3)
        {
            return (Errors[cycle / 4 % Errors.Length], 1, true);
        }

        var step = cycle - (cycle / 4);
        return (Errors[step % Errors.Length], 1 + (step * 7 % 20), false);
    }

    private async Task<Process> AttachAsync(int server, string error, int nth, bool onlyDatabase, CancellationToken ct)
    {
        // The files beside it, to which only lines are added, are synced whatever becomes of the database.
        var file = Path.Combine(dataFolder, "memoir.db");
        string[] database = onlyDatabase ? ["-P", file] : ["-P", file, "-P", file + "-wal"];
        string[] arguments =
        [
            "-f", "-y", "-p", server.ToString(CultureInfo.InvariantCulture), "-o", _trace, .. database,
            "-e", "trace=fsync,fdatasync", "-e", $"inject=fsync,fdatasync:error={error}:when={nth}",
        ];
        var strace = Process.Start(new ProcessStartInfo("strace", arguments) { RedirectStandardError = true })!;
        while (await strace.StandardError.ReadLineAsync(ct) is { } line)
        {
            if (line.Contains("attached", StringComparison.Ordinal))
            {
                _ = strace.StandardError.ReadToEndAsync(ct); // Else a full pipe would stop it.
                return strace;
            }
        }

        strace.Dispose();
        throw new ToolException("strace cannot attach to the server on this machine.");
    }

    private async Task<bool> ReachedAsync(Strike strike, CancellationToken ct)
    {
        var started = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(started) < UntilReached && !strike.Server.HasExited)
        {
            if (TraceLines().Any(IsInjected))
            {
                return true;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(10), ct);
        }

        return false;
    }

    /// <summary>After the kernel has reported a failed sync, the next success of it is a lie.</summary>
    private void CheckTrace(string when)
    {
        var afterwards = TraceLines().SkipWhile(line => !IsInjected(line)).Skip(1);
        if (afterwards.FirstOrDefault(line => line.Contains("= 0", StringComparison.Ordinal)) is { } success)
        {
            ledger.Report("unexpected", $"sync {when}", $"was tried again: {success}");
        }
    }

    private string[] TraceLines()
    {
        if (!File.Exists(_trace))
        {
            return [];
        }

        using var file = new StreamReader(new FileStream(_trace, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        return file.ReadToEnd().Split('\n');
    }

    private static bool IsInjected(string line) => line.Contains("(INJECTED)", StringComparison.Ordinal);
}
