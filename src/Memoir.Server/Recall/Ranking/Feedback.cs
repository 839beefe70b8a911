using Memoir.Server.Recall.Index;

namespace Memoir.Server.Recall.Ranking;

/// <summary>Relevance feedback (RM3): the words that the best memories of a first search share widen a long question.</summary>
internal static class Feedback
{
    public static IEnumerable<ScoredTerm> Expand(in IndexView view, LexicalSearch first, SlotTable slots, RankingOptions options)
    {
        var best = new PriorityQueue<int, float>();
        for (var slot = 0; slot < first.Candidates; slot++)
        {
            best.Enqueue(slot, slots.Smoothed[slot]);
            if (best.Count > options.FeedbackMemories)
            {
                best.Dequeue();
            }
        }

        var relevance = new Dictionary<int, float>();
        var total = best.UnorderedItems.Sum(item => item.Priority);
        foreach (var (slot, score) in best.UnorderedItems)
        {
            AddWords(view, slots.Ordinal[slot], score / total, relevance);
        }

        foreach (var term in first.Weights.Terms)
        {
            relevance.Remove(term.Number);
        }

        var room = 250 - first.Weights.Terms.Count;
        var chosen = new List<(int Number, float Weight)>();
        foreach (var (number, weight) in relevance)
        {
            chosen.Add((number, weight * TermWeights.Idf(number, view, options)));
        }

        chosen.Sort((a, b) => a.Weight != b.Weight ? b.Weight.CompareTo(a.Weight) : a.Number.CompareTo(b.Number));
        var kept = chosen[..Math.Min(Math.Min(room, options.FeedbackTerms), chosen.Count)];
        var mass = kept.Sum(term => relevance[term.Number]);
        var scale = mass > 0 ? options.FeedbackWeight * first.Weights.Full / kept.Sum(term => term.Weight) : 0;
        return kept.ConvertAll(term => new ScoredTerm(term.Number, term.Weight * scale, -1, TermField.Text));
    }

    private static void AddWords(in IndexView view, int ordinal, float share, Dictionary<int, float> relevance)
    {
        for (var unit = view.Columns.FirstUnit[ordinal]; unit < view.EndOfUnits(ordinal); unit++)
        {
            var length = Math.Max(1, (int)view.UnitColumns.Length[unit]);
            foreach (var entry in view.EntriesOf(unit))
            {
                var number = (int)(entry >> PostingList.CountBits);
                relevance.TryGetValue(number, out var sum);
                relevance[number] = sum + (share * (entry & PostingList.CountMask) / length);
            }
        }
    }
}
