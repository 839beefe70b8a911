using System.Globalization;
using Memoir.Server.Recall.Ranking;
using Memoir.Server.Recall.Search;

namespace Memoir.Bench;

/// <summary>The measures of memeval.py over a set: recall at k, hit at 3, NDCG at 10, MRR.</summary>
internal sealed class RecallScores
{
    public static readonly string[] Names = ["r@1", "r@3", "r@5", "r@10", "r@20", "hit@3", "ndcg@10", "mrr"];
    private readonly double[] _sums = new double[Names.Length];
    private int _count;

    public double this[string name] => _sums[Array.IndexOf(Names, name)] / Math.Max(1, _count);

    public static RecallScores Measure(
        RecallSet set,
        RankingOptions options,
        Action<RecallSet.Group, RecallSet.Question, IReadOnlyList<RecallHit>>? see = null,
        Func<RecallSet.Group, RecallSet.Question, RecallRequest, RecallRequest>? change = null)
    {
        var scores = new RecallScores();
        foreach (var group in set.Groups)
        {
            foreach (var question in group.Questions.Where(question => question.Gold.Count > 0))
            {
                var scope = new RecallScope(new DateTimeOffset(2026, 6, 1, 0, 0, 0, TimeSpan.Zero)) { Until = question.Until };
                var request = new RecallRequest(scope, 20) { Options = options };
                request = change?.Invoke(group, question, request) ?? request;
                var hits = RecallEngine.Search(group.Index, RecallQuery.Parse(question.Text), request);
                scores.Add([.. hits.Select(hit => group.Ids[(int)hit.Sequence]).Distinct()], question.Gold);
                see?.Invoke(group, question, hits);
            }
        }

        return scores;
    }

    public override string ToString() =>
        string.Join("  ", Names.Select(name => string.Create(CultureInfo.InvariantCulture, $"{name} {this[name]:0.0000}")));

    private void Add(List<string> ranked, HashSet<string> gold)
    {
        var places = Enumerable.Range(0, ranked.Count).Where(i => gold.Contains(ranked[i])).ToList();
        double At(int k) => (double)places.Count(place => place < k) / gold.Count;
        var ideal = Enumerable.Range(0, Math.Min(10, gold.Count)).Sum(i => 1 / Math.Log2(i + 2));
        double[] values =
        [
            At(1), At(3), At(5), At(10), At(20), places.Exists(place => place < 3) ? 1 : 0,
            places.Where(place => place < 10).Sum(place => 1 / Math.Log2(place + 2)) / ideal,
            places.Count > 0 ? 1.0 / (places[0] + 1) : 0,
        ];
        for (var i = 0; i < values.Length; i++)
        {
            _sums[i] += values[i];
        }

        _count++;
    }
}
