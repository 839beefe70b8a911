using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Memoir.Kit.Telemetry;
using Memoir.Kit.Telemetry.Tracing;

namespace Memoir.Kit.Jobs;

/// <summary>Claims due jobs and runs them until the host stops. One per process.</summary>
public sealed partial class JobWorker(
    JobQueue queue, IEnumerable<IJobHandler> handlers, Meters meters, ILogger<JobWorker> logger) : BackgroundService
{
    private readonly Dictionary<string, IJobHandler> _handlers = handlers.ToDictionary(h => h.Kind, StringComparer.Ordinal);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                if (await RunBatchAsync(stoppingToken) == 0)
                {
                    await queue.WaitAsync(stoppingToken);
                }
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                LogBatchFailed(exception);
                await Task.Delay(TimeSpan.FromSeconds(5), stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    /// <summary>Public so that a test can drain the queue without waiting for a clock.</summary>
    public async Task<int> RunBatchAsync(CancellationToken ct)
    {
        var jobs = await queue.ClaimAsync(ct);
        foreach (var job in jobs)
        {
            await RunAsync(job, ct);
        }

        return jobs.Count;
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

            var handler = _handlers.GetValueOrDefault(job.Kind)
                ?? throw new PermanentJobException($"This version knows no job of the kind {job.Kind}.");
            await queue.CompleteAsync(job, await handler.RunAsync(job, ct), ct);
            meters.JobProcessed(job.Kind, "succeeded");
            span.Finish("succeeded");
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            throw; // Shutting down: the lease expires and the job is taken again.
        }
        catch (LeaseLostException)
        {
            meters.JobProcessed(job.Kind, "lost");
            span.Finish("lost");
        }
        catch (Exception exception)
        {
            LogJobFailed(job.Kind, job.Id, job.Attempts, exception);
            meters.JobProcessed(job.Kind, "failed");
            span.Finish("failed", exception);
            await queue.FailAsync(job, exception.Message, exception is PermanentJobException, ct);
        }
    }

    [LoggerMessage(LogLevel.Warning, "Job {Kind} {JobId} failed on attempt {Attempt}.")]
    private partial void LogJobFailed(string kind, Guid jobId, long attempt, Exception exception);

    [LoggerMessage(LogLevel.Error, "Could not claim jobs; trying again shortly.")]
    private partial void LogBatchFailed(Exception exception);
}
