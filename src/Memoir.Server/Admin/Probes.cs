using Memoir.Kit.Data;
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

/// <summary>How much deferred work waits?</summary>
internal sealed class QueueProbe(JobQueue queue) : IReadinessProbe
{
    private const long Many = 10_000;

    public string Name => "queue";

    public async ValueTask<ReadinessResult> CheckAsync(CancellationToken ct)
    {
        var open = await queue.CountOpenAsync(ct);
        return open < Many ? ReadinessResult.Ok : ReadinessResult.Degraded($"{open} jobs wait");
    }
}
