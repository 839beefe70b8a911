using System.Diagnostics;
using System.Globalization;
using Memoir.Kit.Data;
using Memoir.Kit.Jobs;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;

namespace Memoir.Faults.Jobs.Inside;

/// <summary>Queues the jobs of a run when the server starts for the first time; what they did is a row each.</summary>
internal sealed class CountedWork(Database database, JobQueue queue) : IHostedService
{
    public const string JobsVariable = "FAULTS_JOBS";
    public const string PoisonVariable = "FAULTS_POISON";
    public const string ClockVariable = "FAULTS_CLOCK";

    public static readonly string[] Tenants = ["ann", "bob", "cleo"];

    public static void AddTo(IServiceCollection services)
    {
        services.AddSingleton<IJobHandler, CountJob>();
        foreach (var poison in PoisonJob.Kinds)
        {
            services.AddSingleton<IJobHandler>(new PoisonJob(poison));
        }

        // Before the server's own worker, so that all jobs are there when the first one is taken.
        services.Insert(0, ServiceDescriptor.Singleton<IHostedService, CountedWork>());
        if (Environment.GetEnvironmentVariable(ClockVariable) is { Length: > 0 } file)
        {
            services.Replace(ServiceDescriptor.Singleton<TimeProvider>(new ShiftedTime(file)));
        }
    }

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        // No key and no constraint: a second effect of a job must be able to show.
        const string create = "CREATE TABLE IF NOT EXISTS fault_effects (tenant TEXT NOT NULL, job_id BLOB NOT NULL)";

        if (!database.IsShared)
        {
            await database.SystemWriteAsync(session => session.ExecuteAsync(create, new { }), cancellationToken);
        }

        var jobs = int.Parse(Environment.GetEnvironmentVariable(JobsVariable) ?? "0", CultureInfo.InvariantCulture);
        var poisons = Environment.GetEnvironmentVariable(PoisonVariable) is null ? [] : PoisonJob.All;
        for (var i = 0; i < Tenants.Length; i++)
        {
            var count = (jobs / Tenants.Length) + (i < jobs % Tenants.Length ? 1 : 0);
            await database.WriteAsync(new Tenant(Tenants[i]), session => EnqueueAsync(session, count, i == 0 ? poisons : []), cancellationToken);
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private async Task EnqueueAsync(Session session, int count, (string Kind, string Payload)[] poisons)
    {
        if (await session.ScalarAsync("SELECT COUNT(*) FROM jobs WHERE tenant_id = @Tenant", new { }) > 0)
        {
            return; // A later start.
        }

        var apart = (count / (poisons.Length + 1)) + 1;
        for (var i = 0; i < count; i++)
        {
            if (i % apart == apart / 2 && i / apart < poisons.Length)
            {
                await queue.EnqueueAsync(session, poisons[i / apart].Kind, poisons[i / apart].Payload);
            }

            await queue.EnqueueAsync(session, CountJob.JobKind, i.ToString(CultureInfo.InvariantCulture));
        }
    }
}

/// <summary>Works for a moment and leaves one row. One in fifty fails at first.</summary>
internal sealed class CountJob : IJobHandler
{
    public const string JobKind = "fault-count";

    public string Kind => JobKind;

    public async Task<JobEffect?> RunAsync(Job job, CancellationToken ct)
    {
        // It does not listen to its token: a worker that was overtaken must still come to its end and try to commit.
        var number = int.Parse(job.Payload, CultureInfo.InvariantCulture);
        await Task.Delay(TimeSpan.FromMilliseconds(20 + (number * 7 % 100)), CancellationToken.None);
        if (number % 50 == 7 && job.Attempts == 1)
        {
            throw new JobFailedException("It fails at first.");
        }

        return session => session.ExecuteAsync("INSERT INTO fault_effects (tenant, job_id) VALUES (@Tenant, @Id)", new { job.Id });
    }
}

/// <summary>One way in which a job never succeeds.</summary>
internal sealed class PoisonJob(string kind) : IJobHandler
{
    public static readonly string[] Kinds = ["fault-throws", "fault-hangs", "fault-allocates", "fault-kills"];

    /// <summary>These, and one of the server's own kinds whose payload its decoder rejects.</summary>
    public static readonly (string Kind, string Payload)[] All = [.. Kinds.Select(kind => (kind, "")), ("embed-memories", "[not a list")];

    public string Kind => kind;

    public async Task<JobEffect?> RunAsync(Job job, CancellationToken ct)
    {
        switch (kind)
        {
            case "fault-throws":
                throw new InvalidOperationException("A message that nobody outside may read: /etc/passwd");
            case "fault-hangs":
                Thread.Sleep(Timeout.Infinite); // Not even its thread comes back.
                return null;
            case "fault-allocates":
                return new byte[1 << 30].Length == 0 ? _ => Task.CompletedTask : null; // More than the run lets the heap grow.
            default:
                Process.GetCurrentProcess().Kill();
                await Task.Delay(Timeout.Infinite, ct);
                return null;
        }
    }
}

/// <summary>A clock that the test sets by writing an offset in seconds into a file, for machines without libfaketime.</summary>
internal sealed class ShiftedTime(string file) : TimeProvider
{
    public override DateTimeOffset GetUtcNow() =>
        base.GetUtcNow() + TimeSpan.FromSeconds(int.Parse(File.ReadAllText(file), NumberStyles.AllowLeadingSign | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture));
}
