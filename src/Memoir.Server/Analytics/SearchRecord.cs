namespace Memoir.Server.Analytics;

/// <summary>One search as it is recorded: what was asked and how much was found, never what.</summary>
internal sealed record SearchRecord
{
    /// <summary>Longer questions are cut.</summary>
    public const int LongestQuery = 200;

    public required string TenantId { get; init; }

    public required Guid Id { get; init; }

    public required DateTimeOffset At { get; init; }

    public string? UserId { get; init; }

    public string? ConversationId { get; init; }

    public required string Query { get; init; }

    public required long Hits { get; init; }

    /// <summary>1 when vectors could have no part in the answer.</summary>
    public required long Degraded { get; init; }

    public required double Milliseconds { get; init; }

    /// <summary>The first Unicode scalar values of a text.</summary>
    public static string Cut(string query)
    {
        var at = 0;
        for (var scalars = 0; scalars < LongestQuery && at < query.Length; scalars++)
        {
            at += char.IsHighSurrogate(query[at]) && at + 1 < query.Length ? 2 : 1;
        }

        return query[..at];
    }
}
