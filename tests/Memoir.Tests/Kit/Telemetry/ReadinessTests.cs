using Memoir.Kit.Telemetry;
using Microsoft.Extensions.Logging.Abstractions;

namespace Memoir.Tests.Kit.Telemetry;

/// <summary>Readiness answers in time and truthfully, whatever a dependency does.</summary>
public sealed class ReadinessTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task All_well_is_ready() => Assert.True((await Check(new Probe("a", _ => Ok()))).IsReady);

    [Fact]
    public async Task A_degraded_dependency_is_reported_and_still_ready()
    {
        var report = await Check(new Probe("a", _ => Ok()), new Probe("b", _ => ValueTask.FromResult(ReadinessResult.Degraded("slow"))));

        Assert.True(report.IsReady);
        Assert.Equal(ReadinessState.Degraded, report.State);
        Assert.Equal(["a", "b"], report.Entries.Select(entry => entry.Name));
    }

    [Fact]
    public async Task A_probe_that_throws_is_an_error_without_its_text()
    {
        var report = await Check(new Probe("a", _ => throw new InvalidOperationException("password=x")));

        Assert.False(report.IsReady);
        Assert.Equal("the check failed", Assert.Single(report.Entries).Detail);
    }

    [Fact]
    public async Task A_probe_that_hangs_is_an_error_after_its_time()
    {
        var time = new TimeThatRunsOut();
        var hangs = new Probe("a", async _ =>
        {
            time.RunOut();
            await new TaskCompletionSource().Task;
            return ReadinessResult.Ok;
        });

        var report = await new Readiness([hangs], time, NullLogger<Readiness>.Instance).CheckAsync(Ct);

        Assert.Equal("no answer within 2 s", Assert.Single(report.Entries).Detail);
        Assert.Equal(Readiness.ProbeTimeout, time.Asked);
    }

    [Fact]
    public async Task A_draining_process_is_not_ready_and_asks_nobody()
    {
        var readiness = new Readiness([new Probe("a", _ => throw new InvalidOperationException("asked"))], TimeProvider.System, NullLogger<Readiness>.Instance);

        readiness.BeginDraining();
        var report = await readiness.CheckAsync(Ct);

        Assert.True(report.Draining);
        Assert.False(report.IsReady);
        Assert.Empty(report.Entries);
    }

    [Theory]
    [InlineData((64L << 20) - 1, ReadinessState.Error)]
    [InlineData(64L << 20, ReadinessState.Degraded)]
    [InlineData((512L << 20) - 1, ReadinessState.Degraded)]
    [InlineData(512L << 20, ReadinessState.Ok)]
    public async Task A_disk_that_fills_up_is_reported_before_writes_fail(long free, ReadinessState expected) =>
        Assert.Equal(expected, (await new DiskProbe(() => (long?)free).CheckAsync(Ct)).State);

    [Fact]
    public async Task The_disk_of_a_real_folder_can_be_read() =>
        Assert.EndsWith("MiB free", (await new DiskProbe(Path.GetTempPath()).CheckAsync(Ct)).Detail, StringComparison.Ordinal);

    private static ValueTask<ReadinessResult> Ok() => ValueTask.FromResult(ReadinessResult.Ok);

    private static Task<HealthReport> Check(params IReadinessProbe[] probes) =>
        new Readiness(probes, TimeProvider.System, NullLogger<Readiness>.Instance).CheckAsync(Ct);

    private sealed class Probe(string name, Func<CancellationToken, ValueTask<ReadinessResult>> check) : IReadinessProbe
    {
        public string Name => name;

        public ValueTask<ReadinessResult> CheckAsync(CancellationToken ct) => check(ct);
    }

    /// <summary>Timers fire when the test says so.</summary>
    private sealed class TimeThatRunsOut : TimeProvider
    {
        private Action _fire = () => { };

        public TimeSpan Asked { get; private set; }

        public void RunOut() => _fire();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Asked = dueTime;
            _fire = () => callback(state);
            return System.CreateTimer(_ => { }, null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }
}
