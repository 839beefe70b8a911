using Memoir.Kit.Data;

namespace Memoir.Kit.Limits.Shared;

/// <summary>The SQL of the limits that processes share: a row for each bucket, locked by who changes it.</summary>
internal static class PermitStore
{
    /// <param name="system">A system session.</param>
    /// <param name="questions">In the order of their keys, so that two processes never wait for each other.</param>
    /// <returns>The answers, in the same order.</returns>
    public static async Task<IReadOnlyList<PermitAnswer>> ExchangeAsync(Session system, IReadOnlyList<PermitQuestion> questions)
    {
        // The row is there and locked: what is read next is the newest, and stays so.
        const string take = """
            INSERT INTO rate_permits (bucket, slots, free_at) VALUES (@key, '', 0)
            ON CONFLICT (bucket) DO UPDATE SET free_at = rate_permits.free_at
            """;
        const string put = "UPDATE rate_permits SET slots = @slots, free_at = @freeAt WHERE bucket = @key";
        var read = $"SELECT bucket, slots, {system.Dialect.Clock} AS now FROM rate_permits WHERE bucket IN @keys";

        IReadOnlyList<string> keys = [.. questions.Select(question => question.Key).Distinct()];
        foreach (var key in keys)
        {
            await system.SendAsync(take, new { key });
        }

        var rows = (await system.QueryAsync<PermitRow>(read, new { keys })).ToDictionary(row => row.Bucket);
        var windows = new Dictionary<string, PermitWindow>(StringComparer.Ordinal);
        var answers = new List<PermitAnswer>();
        foreach (var question in questions)
        {
            var row = rows[question.Key];
            if (!windows.TryGetValue(question.Key, out var window))
            {
                window = windows[question.Key] = PermitWindow.Parse(row.Slots, question.Limit);
            }

            answers.Add(PermitLedger.Settle(window, question, row.Now));
        }

        foreach (var (key, window) in windows)
        {
            await system.SendAsync(put, new { slots = window.ToString(), freeAt = window.Reset(rows[key].Now), key });
        }

        return answers;
    }

    public static Task<int> ForgetAsync(Session system, string key) =>
        system.ExecuteAsync("DELETE FROM rate_permits WHERE bucket = @key", new { key });

    /// <summary>Forgets the buckets in which nothing counts any more.</summary>
    public static Task<int> PurgeAsync(Session system) =>
        system.ExecuteAsync($"DELETE FROM rate_permits WHERE free_at < {system.Dialect.Clock} - 60000000", new { });

    private sealed record PermitRow
    {
        public required string Bucket { get; init; }

        public required string Slots { get; init; }

        public required long Now { get; init; }
    }
}
