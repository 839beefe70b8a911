using System.Globalization;
using Memoir.Server.Commands.Eval;
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
        Action<RecallSet.Group, QuestionSet.Question, IReadOnlyList<RecallHit>>? see = null,
        Func<RecallSet.Group, QuestionSet.Question, RecallRequest, RecallRequest>? change = null)
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
                scores.Add(new RankedAnswer(hits.Select(hit => group.Ids[(int)hit.Sequence]), question.Gold));
                see?.Invoke(group, question, hits);
            }
        }

        return scores;
    }

    public override string ToString() =>
        string.Join("  ", Names.Select(name => string.Create(CultureInfo.InvariantCulture, $"{name} {this[name]:0.0000}")));

    private void Add(RankedAnswer answer)
    {
        double[] values =
        [
            answer.Recall(1), answer.Recall(3), answer.Recall(5), answer.Recall(10), answer.Recall(20), answer.IsHit(3) ? 1 : 0,
            answer.Ndcg(10), answer.ReciprocalRank,
        ];
        for (var i = 0; i < values.Length; i++)
        {
            _sums[i] += values[i];
        }

        _count++;
    }
}
