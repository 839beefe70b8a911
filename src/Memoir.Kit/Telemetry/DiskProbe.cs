namespace Memoir.Kit.Telemetry;

/// <summary>Says before writes fail that the data directory's disk is filling up.</summary>
public sealed class DiskProbe : IReadinessProbe
{
    public const long ErrorBelowBytes = 64L << 20;
    public const long DegradedBelowBytes = 512L << 20;

    private readonly Func<long> _freeBytes;

    public DiskProbe(string dataDirectory)
        : this(() => new DriveInfo(dataDirectory).AvailableFreeSpace)
    {
    }

    internal DiskProbe(Func<long> freeBytes) => _freeBytes = freeBytes;

    public string Name => "disk";

    public ValueTask<ReadinessResult> CheckAsync(CancellationToken ct)
    {
        var free = _freeBytes();
        var detail = $"{free >> 20} MiB free";
        return ValueTask.FromResult(
            free < ErrorBelowBytes ? ReadinessResult.Error(detail)
            : free < DegradedBelowBytes ? ReadinessResult.Degraded(detail)
            : new ReadinessResult(ReadinessState.Ok, detail));
    }
}
