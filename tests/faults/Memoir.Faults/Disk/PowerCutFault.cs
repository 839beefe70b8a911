using Memoir.Faults.Common;
using Memoir.Faults.Cycles;

namespace Memoir.Faults.Disk;

/// <summary>The disk loses its power: what the server did not sync is gone, and so is everything the kernel still held.</summary>
internal sealed class PowerCutFault(CycleOptions options, Ledger ledger, LoopVolume volume) : IFault
{
    private readonly Random _random = new(options.Seed);

    public string DataFolder => volume.Folder;

    public bool StorageMayFail => true;

    public async Task StrikeAsync(Strike strike, CancellationToken ct)
    {
        await Task.Delay(TimeSpan.FromMilliseconds(_random.Next(50, 901)), ct);
        strike.Phase.IsCut = true;
        await volume.CutAsync();

        // The process outlives its disk here. It must say so, for on a disk that only half failed it would live on.
        var when = $"after cut {strike.Cycle + 1}";
        var probe = new Probe(strike.Api, ledger);
        await probe.WriteIsRefusedAsync(when, ct);
        await probe.ReadsAnswerAsync(when, mayBeRefused: true, ct);
        await strike.Server.KillAsync();
    }

    public Task BeforeStartAsync(ServerUnderTest server, CancellationToken ct) => volume.RemountAsync();

    public ValueTask DisposeAsync() => volume.DisposeAsync();
}

/// <summary>The command <c>powercut</c>: one run for each file system.</summary>
internal static class PowerCutCommand
{
    public static async Task<int> RunAsync(string[] args, CancellationToken ct)
    {
        var (options, exitCode) = CycleCommand.Parse(args);
        if (options is null)
        {
            return exitCode;
        }

        var passed = true;
        foreach (var fileSystem in options.FileSystems)
        {
            passed &= await CycleCommand.RunAsync(
                $"powercut {fileSystem}",
                options,
                async (ledger, folder) => new PowerCutFault(options, ledger, await LoopVolume.CreateAsync(folder, fileSystem, megabytes: 640)),
                ct);
        }

        return passed ? 0 : 1;
    }
}
