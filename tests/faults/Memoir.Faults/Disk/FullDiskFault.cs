using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using Memoir.Faults.Common;
using Memoir.Faults.Cycles;

namespace Memoir.Faults.Disk;

/// <summary>
/// The disk runs full under mixed load and is given room again; then it runs out of names for files, then callers
/// open more connections than the server may have handles. Writes may be refused meanwhile, reads may not; none of it needs
/// a restart. In the end the process is left without a free handle, which it need not outlive.
/// </summary>
internal sealed class FullDiskFault(CycleOptions options, Ledger ledger, LoopVolume volume) : IFault
{
    private static readonly TimeSpan StaysFull = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan HealsWithin = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan UntilReached = TimeSpan.FromSeconds(60);

    // Much less than usual, so that a crowd of connections is soon there; of these some must stay free.
    private const int MayHave = 1024;
    private const int LeavesFree = 64;
    private static readonly TimeSpan WithoutHandles = TimeSpan.FromSeconds(2);

    // Beside the server's own folder, on the same disk.
    private readonly string _ballast = Path.Combine(volume.Folder, "ballast");
    private TimeSpan _slowestHealing;
    private int _refused;
    private int _reads;
    private int _namesTaken;
    private int _mostOpen;
    private int _ended;

    public string DataFolder { get; } = Directory.CreateDirectory(Path.Combine(volume.Folder, "data")).FullName;

    public int? Handles => MayHave;

    public string Remarks => string.Create(
        CultureInfo.InvariantCulture,
        $"{_refused} writes refused with 507, {_reads} reads answered while full, first write {_slowestHealing.TotalMilliseconds:N0} ms after there was room, "
        + $"at most {_mostOpen} of {MayHave} handles open in a crowd, {_ended} processes ended for want of a handle");

    public async Task StrikeAsync(Strike strike, CancellationToken ct)
    {
        await FillAsync(strike, keep: (strike.Cycle % 3) switch { 0 => 0, 1 => 1024, _ => 4096 }, ct);
        if (!options.ExpectLoss)
        {
            await TakeNamesAsync(strike, ct);
            await CrowdAsync(strike, ct);
            await TakeHandlesAsync(strike, ct);
        }

        await strike.Server.KillAsync();
    }

    public ValueTask DisposeAsync() => volume.DisposeAsync();

    private async Task FillAsync(Strike strike, long keep, CancellationToken ct)
    {
        var when = $"with {keep} bytes left in cycle {strike.Cycle + 1}";
        await TakeSpaceAsync(keep);
        var started = Stopwatch.GetTimestamp();
        while (strike.Phase.RefusedAsFull == 0 && !options.ExpectLoss && Stopwatch.GetElapsedTime(started) < UntilReached)
        {
            await ReadAsync(strike, when, ct);
        }

        started = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(started) < StaysFull)
        {
            await ReadAsync(strike, when, ct);
        }

        _refused += strike.Phase.RefusedAsFull;
        if (strike.Phase.RefusedAsFull == 0 && !options.ExpectLoss)
        {
            ledger.Report("unexpected", $"writes {when}", "none was refused with 507");
        }

        File.Delete(_ballast);
        var took = await NextWriteAsync(strike, $"after room was made, {when}", ct);
        _slowestHealing = took > _slowestHealing ? took : _slowestHealing;
    }

    /// <summary>A database's files are all there before the disk is full: no name is needed for a write.</summary>
    private async Task TakeNamesAsync(Strike strike, CancellationToken ct)
    {
        var folder = Directory.CreateDirectory(Path.Combine(volume.Folder, "names"));
        try
        {
            for (var i = 0; ; i++)
            {
                await using var file = File.Create(Path.Combine(folder.FullName, $"{i}"));
                _namesTaken++;
            }
        }
        catch (IOException) when (_namesTaken > 0)
        {
            // No more: that is what was wanted.
        }

        var refused = strike.Phase.RefusedAsFull;
        await NextWriteAsync(strike, "without a free inode", ct);
        await ReadAsync(strike, "without a free inode", ct);
        folder.Delete(recursive: true);

        // Each writer may still be handed one answer that was given while the disk was full.
        if (strike.Phase.RefusedAsFull > refused + options.Writers)
        {
            ledger.Report("unexpected", $"writes of cycle {strike.Cycle + 1}", "were refused with 507 without a free inode");
        }
    }

    /// <summary>More connections than the server may have handles: it leaves some free, and serves on.</summary>
    private async Task CrowdAsync(Strike strike, CancellationToken ct)
    {
        var crowd = new List<Socket>();
        try
        {
            for (var i = 0; i < MayHave; i++)
            {
                crowd.Add(new Socket(SocketType.Stream, ProtocolType.Tcp));
                await crowd[i].ConnectAsync(strike.Server.Endpoint, ct);
            }

            await ReadAsync(strike, "in a crowd of connections", ct);
            await NextWriteAsync(strike, "in a crowd of connections", ct);
            var open = Directory.GetFiles($"/proc/{strike.Server.Id}/fd").Length;
            _mostOpen = Math.Max(_mostOpen, open);
            if (open > MayHave - LeavesFree)
            {
                ledger.Report("unexpected", $"a crowd of connections in cycle {strike.Cycle + 1}", $"left {MayHave - open} handles free");
            }
        }
        finally
        {
            crowd.ForEach(one => one.Dispose());
        }

        await NewcomerAsync(strike, ct);
    }

    /// <summary>Who connects after the crowd has gone is served as soon as the server has noticed that.</summary>
    private async Task NewcomerAsync(Strike strike, CancellationToken ct)
    {
        var started = Stopwatch.GetTimestamp();
        while (true)
        {
            using var next = new Api(strike.Server.Endpoint);
            try
            {
                await ReadAsync(strike with { Api = next }, "once the crowd is gone", ct);
                return;
            }
            catch (HttpRequestException) when (Stopwatch.GetElapsedTime(started) < HealsWithin)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(20), ct);
            }
        }
    }

    /// <summary>
    /// Fewer handles than it has open. The runtime needs one for each new thread and each library it has not loaded yet, and
    /// ends the process if need be; so nothing is promised here but what holds after a kill.
    /// </summary>
    private async Task TakeHandlesAsync(Strike strike, CancellationToken ct)
    {
        strike.Phase.MayEnd = true;
        await Tool.RunAsync("prlimit", $"--pid={strike.Server.Id}", "--nofile=64:");
        using var late = new Api(strike.Server.Endpoint);
        using var soon = CancellationTokenSource.CreateLinkedTokenSource(ct);
        soon.CancelAfter(WithoutHandles);
        try
        {
            while (!strike.Server.HasExited)
            {
                await late.GetAsync("/v1/conversations?tenant_id=faults-0", soon.Token);
            }
        }
        catch (Exception error) when (error is HttpRequestException or OperationCanceledException && !ct.IsCancellationRequested)
        {
            // Not accepted: it waits in the queue of the kernel, or is refused, or the server is gone.
        }

        _ended += strike.Server.HasExited ? 1 : 0;
    }

    private async Task ReadAsync(Strike strike, string when, CancellationToken ct)
    {
        await new Probe(strike.Api, ledger).ReadsAnswerAsync(when, mayBeRefused: false, ct);
        _reads += 2;
    }

    /// <returns>How long it took until a write was acknowledged.</returns>
    private async Task<TimeSpan> NextWriteAsync(Strike strike, string when, CancellationToken ct)
    {
        var started = Stopwatch.GetTimestamp();
        var acknowledged = strike.Phase.Acknowledged;
        while (strike.Phase.Acknowledged == acknowledged)
        {
            if (Stopwatch.GetElapsedTime(started) > HealsWithin || strike.Server.HasExited)
            {
                ledger.Report("unexpected", $"writes {when}", $"none succeeds within {HealsWithin.TotalSeconds:N0} s. {strike.Server.LastLines}");
                break;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(2), ct);
        }

        return Stopwatch.GetElapsedTime(started);
    }

    /// <summary>Halves its steps until what is left is what shall be left; the server takes some meanwhile.</summary>
    private async Task TakeSpaceAsync(long keep)
    {
        long taken = 0;
        for (var step = volume.FreeBytes; step >= 1024; step /= 2)
        {
            while (volume.FreeBytes - step >= keep
                && (await Tool.TryAsync("fallocate", "-o", $"{taken}", "-l", $"{step}", _ballast)).Code == 0)
            {
                taken += step;
            }
        }
    }
}

/// <summary>The command <c>full</c>.</summary>
internal static class FullDiskCommand
{
    public static async Task<int> RunAsync(string[] args, CancellationToken ct)
    {
        var (options, exitCode) = CycleCommand.Parse(args);
        return options is null ? exitCode
            : await CycleCommand.RunAsync("full", options, CreateAsync, ct) ? 0 : 1;

        // Larger than the room without which the server says that it is not ready. No blocks kept for root, for the server may run as root here; few inodes, so that they run out.
        async Task<IFault> CreateAsync(Ledger ledger, string folder) =>
            new FullDiskFault(options, ledger, await LoopVolume.CreateAsync(folder, "ext4", megabytes: 256, "-m", "0", "-N", "200"));
    }
}
