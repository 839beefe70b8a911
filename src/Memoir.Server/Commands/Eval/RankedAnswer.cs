namespace Memoir.Server.Commands.Eval;

/// <summary>How well one ranked answer found what it should have: the usual measures of retrieval.</summary>
internal sealed class RankedAnswer
{
    private readonly List<int> _places = [];
    private readonly int _wanted;

    /// <param name="ranked">Ids, best first; one that comes again counts once.</param>
    /// <param name="gold">The ids that answer the question, one at least.</param>
    public RankedAnswer(IEnumerable<string> ranked, IReadOnlySet<string> gold)
    {
        _wanted = gold.Count;
        var place = 0;
        foreach (var id in ranked.Distinct())
        {
            if (gold.Contains(id))
            {
                _places.Add(place);
            }

            place++;
        }
    }

    /// <summary>1 over the place of the first id that answers; 0 when none does.</summary>
    public double ReciprocalRank => _places.Count > 0 ? 1.0 / (_places[0] + 1) : 0;

    /// <summary>The share of the wanted ids among the first k.</summary>
    public double Recall(int k) => (double)_places.Count(place => place < k) / _wanted;

    public bool IsHit(int k) => _places.Count > 0 && _places[0] < k;

    /// <summary>Like recall, and what stands higher counts more; 1 is the best order possible.</summary>
    public double Ndcg(int k)
    {
        var ideal = Enumerable.Range(0, Math.Min(k, _wanted)).Sum(i => 1 / Math.Log2(i + 2));
        return _places.Where(place => place < k).Sum(place => 1 / Math.Log2(place + 2)) / ideal;
    }
}
