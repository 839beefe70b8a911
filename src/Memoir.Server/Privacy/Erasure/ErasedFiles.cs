using Memoir.Kit.Data;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Privacy.Erasure;

/// <summary>Has the database's files written anew after erasures: deleting a row leaves its bytes where it was.</summary>
internal sealed partial class ErasedFiles(Database database, IOptions<PrivacyOptions> options, TimeProvider time, ILogger<ErasedFiles> logger)
{
    private const int Most = 100_000;

    /// <summary>What every erasure touches, if only with the subject's name in its own record.</summary>
    private static readonly string[] Always = ["erasures", "legal_holds", "api_keys", "memories", "memory_periods", "index_states", "index_segments", "index_changes"];

    /// <summary>Large ones, of which many erasures touch none; a new kind of thing is a line here and in <see cref="ErasedCounts"/>.</summary>
    private static readonly (string Table, Func<ErasedCounts, long> Count)[] Counted =
    [
        ("memory_versions", counts => counts.Versions),
        ("embeddings", counts => counts.Vectors),
        ("idempotency_keys", counts => counts.IdempotencyKeys),
        ("jobs", counts => counts.Jobs),
        ("search_log", counts => counts.Searches),
        ("documents", counts => counts.Documents),
        ("document_versions", counts => counts.DocumentVersions),
    ];

    /// <summary>Tables in which nothing of a subject ever is.</summary>
    public static IReadOnlyList<string> Untouched { get; } = ["tenants", "audit_records", "embedding_generations", "blocked_addresses", "retention_policies", "retention_runs", "quality_policies"];

    /// <summary>Tables that are written anew.</summary>
    public static IReadOnlyList<string> All { get; } = [.. Always, .. Counted.Select(item => item.Table)];

    public async Task RewriteWhenDueAsync(CancellationToken ct)
    {
        var wait = TimeSpan.FromHours(options.Value.ErasureRewriteHours);
        if (wait == TimeSpan.Zero)
        {
            return;
        }

        var unwritten = await database.SystemReadAsync(system => ErasureStore.ListUnwrittenAsync(system, Most), ct);
        if (unwritten is not [{ CompletedAt: { } oldest }, ..] || oldest > time.Now() - wait)
        {
            return;
        }

        if (await database.RewriteAsync(TablesOf(unwritten), ct) is { } fault)
        {
            LogLeft(oldest, fault);
            return;
        }

        await database.SystemWriteAsync(system => ErasureStore.MarkRewrittenAsync(system, unwritten[^1].CompletedAt!.Value, time.Now()), ct);
        LogRewritten(unwritten.Count);
    }

    private static IReadOnlyList<string> TablesOf(IEnumerable<ErasureRow> erasures)
    {
        var sum = erasures.Aggregate(new ErasedCounts(), (counts, erasure) => counts + ErasedCounts.Of(erasure.Erased));
        return [.. Always, .. Counted.Where(item => item.Count(sum) > 0).Select(item => item.Table)];
    }

    [LoggerMessage(LogLevel.Information, "The files were written anew after {Erasures} erasures.")]
    private partial void LogRewritten(int erasures);

    [LoggerMessage(LogLevel.Error, "The files still hold what was erased since {Since}: {Fault}. It is tried again in a minute.")]
    private partial void LogLeft(DateTimeOffset since, string fault);
}
