using System.Text.Json.Serialization;

namespace Memoir.Server.Analytics;

/// <summary>Answer of <c>GET /v1/admin/analytics</c>: what a tenant's memory holds, and what it is asked.</summary>
public sealed record AnalyticsResponse
{
    public required string TenantId { get; init; }

    /// <summary>Days, topics, questions and searches count from here.</summary>
    public required DateTimeOffset Since { get; init; }

    /// <summary>When this was computed.</summary>
    public required DateTimeOffset Until { get; init; }

    public required AnalyticsTotals Totals { get; init; }

    /// <summary>Each day (UTC) since then, oldest first, those without anything too.</summary>
    public required IReadOnlyList<AnalyticsDay> Days { get; init; }

    /// <summary>All memories by their importance now, in ten equal parts.</summary>
    public required IReadOnlyList<ImportanceShare> Importance { get; init; }

    public required TopicList Topics { get; init; }

    public required QuestionList RepeatedQuestions { get; init; }

    public required SearchAnalytics Searches { get; init; }
}

/// <summary>All that the tenant has, whenever it was said.</summary>
/// <param name="Memories">With the archived ones.</param>
/// <param name="Archived">Those that searches leave out unless asked.</param>
/// <param name="Conversations">With at least one memory.</param>
public sealed record AnalyticsTotals(long Memories, long Archived, long Conversations);

/// <summary>One day.</summary>
/// <param name="Date">For example <c>2026-01-31</c>, UTC.</param>
/// <param name="Memories">Memories that were said on it.</param>
/// <param name="ByType">The same by type.</param>
/// <param name="ByRole">The same by role; those without one are left out.</param>
/// <param name="Searches">Searches that were recorded on it.</param>
/// <param name="WithoutResult">Those of them that found nothing.</param>
public sealed record AnalyticsDay(
    string Date, long Memories, IReadOnlyDictionary<string, long> ByType, IReadOnlyDictionary<string, long> ByRole, long Searches, long WithoutResult);

/// <summary>How many memories have an importance from one number, included, to the next; the last part includes 1.</summary>
public sealed record ImportanceShare(double From, double To, long Memories);

/// <summary>What the texts are about. Computed of the newest ones alone, so that it takes the same time however many there are.</summary>
/// <param name="Sample">How many memories were read for it.</param>
/// <param name="Items">The most telling first.</param>
public sealed record TopicList(long Sample, IReadOnlyList<Topic> Items);

/// <summary>A word, or two that stand together, and how many memories of the sample have it.</summary>
public sealed record Topic(string Text, long Memories);

/// <summary>What users asked more than once, of the same sample.</summary>
/// <param name="Sample">How many memories were read for it.</param>
/// <param name="Items">The most frequent first.</param>
public sealed record QuestionList(long Sample, IReadOnlyList<RepeatedText> Items);

/// <summary>Something that was asked, in its newest wording; upper case, marks and blanks make no difference.</summary>
public sealed record RepeatedText(string Text, long Times, DateTimeOffset LastAt);

/// <summary>What was searched for.</summary>
public sealed record SearchAnalytics
{
    /// <summary>False when <c>MEMORY_SEARCH_LOG_DAYS</c> switches the recording off.</summary>
    public required bool Recorded { get; init; }

    /// <summary>How long searches are kept; 0 when they are not recorded.</summary>
    public required int DaysKept { get; init; }

    public required long Total { get; init; }

    /// <summary>Searches that found nothing.</summary>
    public required long WithoutResultTotal { get; init; }

    /// <summary>Searches that went by words alone because vectors could not be had.</summary>
    public required long DegradedTotal { get; init; }

    /// <summary>Searches for the same words made more than once, the most frequent first, of the newest 20,000.</summary>
    public required IReadOnlyList<RepeatedText> Repeated { get; init; }

    /// <summary>Searches that found nothing, the most frequent first, of the newest 20,000 of them.</summary>
    public required IReadOnlyList<RepeatedText> WithoutResult { get; init; }
}

[JsonSerializable(typeof(AnalyticsResponse))]
internal sealed partial class AnalyticsJson : JsonSerializerContext;
