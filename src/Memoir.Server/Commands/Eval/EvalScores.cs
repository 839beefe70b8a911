using System.Globalization;
using Memoir.Kit.CommandLine;

namespace Memoir.Server.Commands.Eval;

/// <summary>Averages over the questions, of all and of each category, with what the searches took.</summary>
internal sealed class EvalScores(int topK)
{
    private const string All = "ALL";
    private readonly SortedDictionary<string, Sums> _categories = new(StringComparer.Ordinal);
    private readonly Sums _all = new();
    private readonly List<double> _milliseconds = [];

    public int Questions => _all.Count;

    public void Add(string category, RankedAnswer answer, TimeSpan took)
    {
        if (!_categories.TryGetValue(category, out var sums))
        {
            _categories[category] = sums = new Sums();
        }

        sums.Add(answer, topK);
        _all.Add(answer, topK);
        _milliseconds.Add(took.TotalMilliseconds);
    }

    public EvalReport Report(string set, string mode)
    {
        _milliseconds.Sort();
        double Percentile(double share) => _milliseconds.Count == 0 ? 0 : Math.Round(_milliseconds[(int)Math.Min(_milliseconds.Count - 1, _milliseconds.Count * share)], 2);
        return new EvalReport
        {
            Set = set,
            Mode = mode,
            TopK = topK,
            Questions = Questions,
            All = _all.Row(),
            Categories = _categories.ToDictionary(category => category.Key, category => category.Value.Row()),
            LatencyMs = new EvalLatency(Percentile(0.5), Percentile(0.95)),
        };
    }

    public static void Print(EvalReport report, Terminal terminal)
    {
        string[] heads = ["questions", "recall@1", "recall@5", $"recall@{report.TopK}", $"ndcg@{report.TopK}", "mrr"];
        terminal.Line(terminal.Bold($"{"",-24}{string.Concat(heads.Select(head => $"{head,11}"))}"));
        foreach (var (name, row) in report.Categories.Prepend(KeyValuePair.Create(All, report.All)))
        {
            var shown = PrintableText.Of(name);
            shown = shown.Length > 24 ? shown[..24] : shown;
            double[] values = [row.RecallAt1, row.RecallAt5, row.RecallAtK, row.NdcgAtK, row.Mrr];
            terminal.Line(string.Create(
                CultureInfo.InvariantCulture, $"{shown,-24}{row.Count,11}{string.Concat(values.Select(value => value.ToString("0.0000", CultureInfo.InvariantCulture).PadLeft(11)))}"));
        }

        terminal.Line();
        terminal.Line(FormattableString.Invariant($"search over HTTP: p50 {report.LatencyMs.P50:0.00} ms, p95 {report.LatencyMs.P95:0.00} ms"));
    }

    private sealed class Sums
    {
        private double _at1;
        private double _at5;
        private double _atK;
        private double _ndcg;
        private double _rank;

        public int Count { get; private set; }

        public void Add(RankedAnswer answer, int k)
        {
            Count++;
            _at1 += answer.Recall(1);
            _at5 += answer.Recall(Math.Min(5, k));
            _atK += answer.Recall(k);
            _ndcg += answer.Ndcg(k);
            _rank += answer.ReciprocalRank;
        }

        public EvalRow Row()
        {
            double Average(double sum) => Count == 0 ? 0 : Math.Round(sum / Count, 4);
            return new EvalRow(Count, Average(_at1), Average(_at5), Average(_atK), Average(_ndcg), Average(_rank));
        }
    }
}
