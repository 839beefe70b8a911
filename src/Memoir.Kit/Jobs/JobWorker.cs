using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Memoir.Kit.Telemetry;
using Memoir.Kit.Telemetry.Tracing;

namespace Memoir.Kit.Jobs;

/// <summary>Claims due jobs and runs them, a few at once, until the host stops. One per process.</summary>
public sealed partial class JobWorker(
    JobQueue queue, IEnumerable<IJobHandler> handlers, Meters meters, ILogger<JobWorker> logger) : BackgroundService
{
    private readonly Dictionary<string, IJobHandler> _handlers = handlers.ToDictionary(h => h.Kind, StringComparer.Ordinal);

    // What was cut off in the middle runs one at a time: a job that kills the process takes few others with it, and none
    // of them time and again.
    private readonly SemaphoreSlim _cutOff = new(1, 1);

    public override void Dispose()
    {
        _cutOff.Dispose();
        base.Dispose();
    }

    /// <summary>One job per lane, side by side. Public so that a test can drain the queue without waiting for a clock.</summary>
    /// <returns>How many there were.</returns>
    public async Task<int> RunBatchAsync(CancellationToken ct)
    {
        var lanes = await Task.WhenAll(Enumerable.Range(0, queue.Lanes).Select(_ => RunNextAsync(ct)));
        return lanes.Count(ran => ran);
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll(Enumerable.Range(0, queue.Lanes).Select(_ => RunLaneAsync(stoppingToken)).Append(ListenAsync(stoppingToken)));

    private async Task ListenAsync(CancellationToken ct)
    {
        while (!ct.IsCancellationRequested)
        {
            try
            {
                await queue.ListenAsync(ct);
            }
            catch (OperationCanceledException) when (ct.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                LogDeaf(exception);
                await Task.Delay(TimeSpan.FromSeconds(5), ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task RunLaneAsync(CancellationToken ct)
    {
        while (!ct.IsCancellationRequested)
        {
            try
            {
                if (!await RunNextAsync(ct))
                {
                    await queue.WaitAsync(ct);
                }
            }
            catch (OperationCanceledException) when (ct.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                LogLaneFailed(exception);
                await Task.Delay(TimeSpan.FromSeconds(5), ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    /// <returns>False when nothing is due.</returns>
    private async Task<bool> RunNextAsync(CancellationToken ct)
    {
        var mayBeCutOff = _cutOff.Wait(0, ct);
        try
        {
            if (await queue.ClaimAsync(mayBeCutOff, ct) is not { } job)
            {
                return false;
            }

            if (mayBeCutOff && !job.WasCutOff)
            {
                mayBeCutOff = false;
                _cutOff.Release();
            }

            queue.Signal(); // Where one job was, there may be more: wake the next lane.
            await RunAsync(job, ct);
            return true;
        }
        finally
        {
            if (mayBeCutOff)
            {
                _cutOff.Release();
            }
        }
    }

    private async Task RunAsync(Job job, CancellationToken ct)
    {
        using var span = Spans.StartJob(job);
        try
        {
            if (queue.IsExhausted(job))
            {
                throw new PermanentJobException("Each of its attempts was cut off; it may be what ends the process.");
            }

            var handler = _handlers.GetValueOrDefault(job.Kind) ?? throw new PermanentJobException("This version knows no job of this kind.");
            await queue.CompleteAsync(job, await RunWithinLimitAsync(handler, job, ct), ct);
            meters.JobProcessed(job.Kind, "succeeded");
            span.Finish("succeeded");
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            // The host stops: the job has done nothing wrong and is the first to go on.
            await queue.GiveBackAsync(job, CancellationToken.None);
            throw;
        }
        catch (LeaseLostException)
        {
            meters.JobProcessed(job.Kind, "lost");
            span.Finish("lost");
        }
        catch (PostponedJobException postponed)
        {
            meters.JobProcessed(job.Kind, "postponed");
            span.Finish("postponed");
            await queue.PostponeAsync(job, postponed.Wait, postponed.Message, ct);
        }
        catch (Exception exception)
        {
            LogJobFailed(job.Kind, job.Id, job.Attempts, exception);
            meters.JobProcessed(job.Kind, "failed");
            span.Finish("failed", exception);
            await queue.FailAsync(job, exception, ct);
        }
    }

    /// <summary>A handler that hangs, whether or not it listens to its token, holds up its lane no longer than this.</summary>
    private async Task<JobEffect?> RunWithinLimitAsync(IJobHandler handler, Job job, CancellationToken ct)
    {
        using var limit = queue.StartLimit();
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, ct);
        try
        {
            return await StartAsync(handler, job, either.Token).WaitAsync(either.Token);
        }
        catch (OperationCanceledException exception) when (limit.IsCancellationRequested && !ct.IsCancellationRequested)
        {
            throw new JobFailedException($"It did not end within {queue.LongestAttempt.TotalSeconds:0.#} seconds and was cut off.", exception);
        }
    }

    private static async Task<JobEffect?> StartAsync(IJobHandler handler, Job job, CancellationToken ct)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding); // One that blocks must not block the lane.
        return await handler.RunAsync(job, ct);
    }

    [LoggerMessage(LogLevel.Warning, "Job {Kind} {JobId} failed on attempt {Attempt}.")]
    private partial void LogJobFailed(string kind, Guid jobId, long attempt, Exception exception);

    [LoggerMessage(LogLevel.Warning, "Jobs of other processes are not heard of, only found by polling; trying again shortly.")]
    private partial void LogDeaf(Exception exception);

    [LoggerMessage(LogLevel.Error, "Could not claim jobs; trying again shortly.")]
    private partial void LogLaneFailed(Exception exception);
}
