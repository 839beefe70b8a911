using Memoir.Kit.Data;
using Memoir.Kit.Jobs;
using Memoir.Kit.Telemetry;
using Memoir.Server.Embeddings;

namespace Memoir.Server.Admin;

/// <summary>Can the database be read?</summary>
internal sealed class DatabaseProbe(Database database) : IReadinessProbe
{
    public const string Is = "database";

    public string Name => Is;

    public async ValueTask<ReadinessResult> CheckAsync(CancellationToken ct)
    {
        await database.SystemReadAsync(session => session.ScalarAsync("SELECT COUNT(*) FROM schema_migrations", new { }), ct);
        return database.IsWritable ? ReadinessResult.Ok : ReadinessResult.Error("the storage reported an error; restart the server");
    }
}

/// <summary>Does the embedding provider answer? Without it searches go by words alone, so it never makes the server unready.</summary>
internal sealed class EmbeddingsProbe(EmbeddingHealth health) : IReadinessProbe
{
    public string Name => "embeddings";

    public ValueTask<ReadinessResult> CheckAsync(CancellationToken ct)
    {
        var standing = health.Standing;
        return ValueTask.FromResult(standing.IsHealthy
            ? ReadinessResult.Ok
            : ReadinessResult.Degraded($"the provider fails ({standing.LastError})"));
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
