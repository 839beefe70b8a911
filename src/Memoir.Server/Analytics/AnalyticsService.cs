using System.Globalization;
using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Server.Memories;

namespace Memoir.Server.Analytics;

/// <summary>Sums a tenant up: counts by the database, words of a bounded sample, nothing of anybody else.</summary>
internal sealed class AnalyticsService(Database database, MemoryReader memories, SearchLog searches, TimeProvider time) : IDisposable
{
    /// <summary>Of memories, and of searches.</summary>
    public const int SampleSize = 20_000;

    private const int LongestList = 20;
    private const int StandardDays = 30;
    private const int MostDays = 366;

    /// <summary>All of a tenant's memories are counted, which is work for a processor: requests wait for each other here.</summary>
    private readonly SemaphoreSlim _turn = new(1);

    /// <param name="tenant">Who is summed up.</param>
    /// <param name="since">From when on; null for thirty days.</param>
    /// <param name="ct">Ends it between two statements.</param>
    /// <exception cref="ProblemException">422 for a time in the future, or more than a year ago.</exception>
    public async Task<AnalyticsResponse> SumUpAsync(Tenant tenant, DateTimeOffset? since, CancellationToken ct)
    {
        var now = time.Now();
        var from = since ?? now - TimeSpan.FromDays(StandardDays);
        if (from > now || from < now - TimeSpan.FromDays(MostDays))
        {
            throw ProblemException.Field("since", $"must be in the past, and no more than {MostDays} days ago");
        }

        await _turn.WaitAsync(ct);
        try
        {
            return Answer(tenant, await database.ReadAsync(tenant, session => ReadAsync(session, from, now), ct));
        }
        finally
        {
            _turn.Release();
        }
    }

    public void Dispose() => _turn.Dispose();

    private async Task<Figures> ReadAsync(Session session, DateTimeOffset since, DateTimeOffset now)
    {
        var importance = new long[10];
        long total = 0, archived = 0;
        await AnalyticsStore.ScanImportanceAsync(session, parts =>
        {
            var score = memories.ImportanceAt(parts.Base, parts.Given, parts.OccurredAt, now);
            importance[Math.Clamp((int)(score * importance.Length), 0, importance.Length - 1)]++;
            total++;
            archived += parts.IsArchived ? 1 : 0;
        });
        return new Figures(since, now, importance, new AnalyticsTotals(total, archived, await AnalyticsStore.CountConversationsAsync(session)))
        {
            Memories = await AnalyticsStore.CountByDayAsync(session, since, now),
            Sample = await AnalyticsStore.ListNewestAsync(session, since, now, SampleSize),
            Searches = await SearchLogStore.CountByDayAsync(session, since, now),
            Newest = await SearchLogStore.ListNewestAsync(session, since, now, isEmpty: false, SampleSize),
            Empty = await SearchLogStore.ListNewestAsync(session, since, now, isEmpty: true, SampleSize),
        };
    }

    private AnalyticsResponse Answer(Tenant tenant, Figures figures) => new()
    {
        TenantId = tenant.Id,
        Since = figures.Since,
        Until = figures.Until,
        Totals = figures.Totals,
        Days = [.. Days(figures)],
        Importance = [.. figures.Importance.Select((count, i) => new ImportanceShare(i / 10.0, (i + 1) / 10.0, count))],
        Topics = new TopicList(figures.Sample.Count, Topics.Of([.. figures.Sample.Where(IsSaid).Select(row => row.Text)], LongestList)),
        RepeatedQuestions = new QuestionList(figures.Sample.Count, RepeatedTexts.Questions(figures.Sample, LongestList)),
        Searches = new SearchAnalytics
        {
            Recorded = searches.Days > 0,
            DaysKept = searches.Days,
            Total = figures.Searches.Sum(day => day.Searches),
            WithoutResultTotal = figures.Searches.Sum(day => day.WithoutResult),
            DegradedTotal = figures.Searches.Sum(day => day.Degraded),
            Repeated = RepeatedTexts.Searches(figures.Newest, leastTimes: 2, LongestList),
            WithoutResult = RepeatedTexts.Searches(figures.Empty, leastTimes: 1, LongestList),
        },
    };

    /// <summary>What a system or a tool says is the same again and again, and about the application.</summary>
    private static bool IsSaid(SampledText row) => row.Role is not ("system" or "tool");

    private static IEnumerable<AnalyticsDay> Days(Figures figures)
    {
        var memories = figures.Memories.ToLookup(row => row.Day);
        var searches = figures.Searches.ToDictionary(row => row.Day);
        for (var day = DayOf(figures.Since); day <= DayOf(figures.Until); day++)
        {
            var asked = searches.GetValueOrDefault(day);
            yield return new AnalyticsDay(
                DateOnly.FromDateTime(DateTime.UnixEpoch).AddDays((int)day).ToString("O", CultureInfo.InvariantCulture),
                memories[day].Sum(row => row.Memories),
                By(memories[day], row => row.Type),
                By(memories[day].Where(row => row.Role is not null), row => row.Role!),
                asked?.Searches ?? 0,
                asked?.WithoutResult ?? 0);
        }
    }

    private static SortedDictionary<string, long> By(IEnumerable<MemoryDay> rows, Func<MemoryDay, string> name) => new(
        rows.GroupBy(name).ToDictionary(group => group.Key, group => group.Sum(row => row.Memories)), StringComparer.Ordinal);

    private static long DayOf(DateTimeOffset at) => at.ToMicroseconds() / (long)TimeSpan.FromDays(1).TotalMicroseconds;

    private sealed record Figures(DateTimeOffset Since, DateTimeOffset Until, long[] Importance, AnalyticsTotals Totals)
    {
        public required IReadOnlyList<MemoryDay> Memories { get; init; }

        public required IReadOnlyList<SampledText> Sample { get; init; }

        public required IReadOnlyList<SearchDay> Searches { get; init; }

        public required IReadOnlyList<AskedText> Newest { get; init; }

        public required IReadOnlyList<AskedText> Empty { get; init; }
    }
}
