using System.Globalization;
using Memoir.Server.Embeddings;
using Memoir.Server.Recall.Ranking;
using Memoir.Server.Recall.Search;

namespace Memoir.Bench;

/// <summary>Whether the builtin vectors add to the words: every weight and floor, with and without hits of their own.</summary>
internal static class RecallFusion
{
    private const int Nearest = 100;
    private static readonly float[] Weights = [0.02f, 0.05f, 0.1f, 0.2f, 0.4f];
    private static readonly float[] Floors = [0f, 0.1f, 0.2f, 0.3f];

    public static int Run(string path, string[] args)
    {
        var set = RecallSet.Load(path, RecallOffline.Arguments.Parse(args).Half);
        var vectors = set.Groups.ToDictionary(group => group, group => group.Texts.ConvertAll(Embed));
        var questions = set.Groups.SelectMany(group => group.Questions).ToDictionary(question => question, question => Embed(question.Text));
        Console.WriteLine($"{RecallScores.Measure(set, RankingOptions.Default)}  words alone");
        Console.WriteLine($"{Measure(RecallMode.Semantic, 1, 0, true)}  vectors alone");
        foreach (var weight in Weights)
        {
            foreach (var floor in Floors)
            {
                var label = string.Create(CultureInfo.InvariantCulture, $"weight {weight:0.00} floor {floor:0.0}");
                Console.WriteLine($"{Measure(RecallMode.Hybrid, weight, floor, false)}  {label}, hits of the words only");
                Console.WriteLine($"{Measure(RecallMode.Hybrid, weight, floor, true)}  {label}, hits of both");
            }
        }

        return 0;

        RecallScores Measure(RecallMode mode, float weight, float floor, bool adds) => RecallScores.Measure(
            set, RankingOptions.Default, null, (group, question, request) =>
            {
                var view = group.Index.View();
                float CosineOf(int ordinal) =>
                    Dot(vectors[group][(int)view.Columns.Sequence[ordinal]], questions[question]);
                var allowed = adds ? RecallEngine.AllowedOrdinals(group.Index, request) : [];
                var nearest = Enumerable.Range(0, allowed.Length * 64)
                    .Where(ordinal => (allowed[ordinal >> 6] >> (ordinal & 63) & 1) == 1)
                    .Select(ordinal => (ordinal, CosineOf(ordinal)))
                    .OrderByDescending(hit => hit.Item2).Take(Nearest).ToList();
                return request with { Mode = mode, Semantic = new SemanticEvidence(nearest, CosineOf, weight, floor) };
            });
    }

    private static float Dot(float[] a, float[] b)
    {
        var sum = 0f;
        for (var i = 0; i < a.Length; i++)
        {
            sum += a[i] * b[i];
        }

        return sum;
    }

    private static float[] Embed(string text)
    {
        var vector = new float[BuiltinEmbedder.Dimensions];
        new BuiltinEmbedder().Embed(text, vector);
        return vector;
    }
}
