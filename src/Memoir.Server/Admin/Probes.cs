using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Kit.Jobs;
using Memoir.Kit.Telemetry;
using Memoir.Server.Embeddings;
using Memoir.Server.Embeddings.Providers;

namespace Memoir.Server.Admin;

/// <summary>Can the database be read, and would it take a write?</summary>
internal sealed class DatabaseProbe(Database database) : IReadinessProbe
{
    public const string Is = "database";

    public string Name => Is;

    public async ValueTask<ReadinessResult> CheckAsync(CancellationToken ct)
    {
        var takesWrites = await database.SystemReadAsync(
            async session =>
            {
                await session.ScalarAsync("SELECT COUNT(*) FROM schema_migrations", new { });
                return await session.ScalarAsync(session.Dialect.TakesWrites, new { }) == 1;
            },
            ct);
        return !takesWrites ? ReadinessResult.Error("the database server follows another one and takes no writes")
            : database.IsWritable ? ReadinessResult.Ok : ReadinessResult.Error("the storage reported an error; restart the server");
    }
}

/// <summary>Do the embedding providers answer? Without them searches go by words alone, so they never make the server unready.</summary>
internal sealed class EmbeddingsProbe(Embedders embedders) : IReadinessProbe
{
    public string Name => "embeddings";

    /// <summary>Tells what requests have shown; it sends none, so a provider that nobody asked yet counts as good.</summary>
    public ValueTask<ReadinessResult> CheckAsync(CancellationToken ct)
    {
        var asked = embedders.Standings();
        if (asked.Count == 0)
        {
            return ValueTask.FromResult(new ReadinessResult(ReadinessState.Ok, $"{embedders.Default.Generation.Provider}: made in this process"));
        }

        var state = asked.All(provider => provider.Standing.IsHealthy) ? ReadinessState.Ok : ReadinessState.Degraded;
        return ValueTask.FromResult(new ReadinessResult(state, string.Join("; ", asked.Select(Describe))));
    }

    private static string Describe(ProviderStanding provider)
    {
        var standing = provider.Standing;
        var circuit = standing.Circuit switch
        {
            EmbeddingCircuit.Open => "open, nothing is sent",
            EmbeddingCircuit.HalfOpen => "half-open, one request probes",
            _ => "closed",
        };
        var doing = standing switch
        {
            { IsHealthy: true, LastSuccess: null } => "not asked yet",
            { IsHealthy: true } => "answers",
            { LastError: { } error } => $"fails ({error})",
            _ => "fails",
        };
        return $"{provider.Provider}: {doing}, circuit {circuit}";
    }
}

/// <summary>How much deferred work waits? However much it is, requests can be served.</summary>
internal sealed class QueueProbe(JobQueue queue, TimeProvider time) : IReadinessProbe
{
    private const int Many = 10_000;

    /// <summary>Readiness is asked often, and by strangers too.</summary>
    private static readonly TimeSpan Remembered = TimeSpan.FromSeconds(5);

    /// <summary>Less than a probe is given.</summary>
    private static readonly TimeSpan Patience = Readiness.ProbeTimeout / 2;

    private Counted? _last;

    public string Name => "queue";

    public async ValueTask<ReadinessResult> CheckAsync(CancellationToken ct)
    {
        var now = time.Now();
        if (_last is not { } last || now - last.At >= Remembered || now < last.At)
        {
            _last = last = new Counted(await LookAsync(ct), now);
        }

        return last.Result;
    }

    private async Task<ReadinessResult> LookAsync(CancellationToken ct)
    {
        using var limit = new CancellationTokenSource(Patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, ct);
        try
        {
            var open = await queue.CountOpenAsync(Many + 1, either.Token).WaitAsync(either.Token);
            return open <= Many ? ReadinessResult.Ok : ReadinessResult.Degraded($"more than {Many} jobs wait");
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return ReadinessResult.Degraded("the queue could not be looked at in time");
        }
        catch (ProblemException)
        {
            return ReadinessResult.Degraded("the queue could not be looked at"); // Whether the database is down says another probe.
        }
    }

    private sealed record Counted(ReadinessResult Result, DateTimeOffset At);
}
