namespace Memoir.Kit.Telemetry;

/// <summary>Says before writes fail that the data directory's disk is filling up. A database elsewhere watches its own.</summary>
public sealed class DiskProbe : IReadinessProbe
{
    public const long ErrorBelowBytes = 64L << 20;
    public const long DegradedBelowBytes = 512L << 20;

    private readonly Func<long?> _freeBytes;

    /// <param name="dataDirectory">Null where the data is not on this machine.</param>
    public DiskProbe(string? dataDirectory)
        : this(dataDirectory is null ? () => null : () => new DriveInfo(dataDirectory).AvailableFreeSpace)
    {
    }

    internal DiskProbe(Func<long?> freeBytes) => _freeBytes = freeBytes;

    public string Name => "disk";

    public ValueTask<ReadinessResult> CheckAsync(CancellationToken ct)
    {
        if (_freeBytes() is not { } free)
        {
            return ValueTask.FromResult(new ReadinessResult(ReadinessState.Ok, "the data is on the database's server"));
        }

        var detail = $"{free >> 20} MiB free";
        return ValueTask.FromResult(
            free < ErrorBelowBytes ? ReadinessResult.Error(detail)
            : free < DegradedBelowBytes ? ReadinessResult.Degraded(detail)
            : new ReadinessResult(ReadinessState.Ok, detail));
    }
}
