using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Memoir.Kit.Telemetry;

namespace Memoir.Kit.Hosting;

/// <summary>
/// On SIGTERM readiness fails first, while requests are still taken for a moment: a load balancer needs a probe or two to
/// turn away. Then the listener closes, requests under way finish, and the writer commits what it accepted.
/// </summary>
internal sealed class Drain(Readiness readiness, IOptions<HttpOptions> options, TimeProvider time) : IHostedLifecycleService
{
    public Task StoppingAsync(CancellationToken cancellationToken)
    {
        readiness.BeginDraining();
        return Task.Delay(TimeSpan.FromSeconds(options.Value.DrainSeconds), time, cancellationToken);
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
