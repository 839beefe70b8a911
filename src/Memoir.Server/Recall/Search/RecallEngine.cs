using Memoir.Server.Recall.Index;
using Memoir.Server.Recall.Ranking;

namespace Memoir.Server.Recall.Search;

/// <summary>Answers a question from one tenant's index: lexical relevance, fused with the vectors' view when there is one, and importance.</summary>
internal static class RecallEngine
{
    /// <summary>The best memories by final score, ties newest first, then by descending sequence.</summary>
    public static IReadOnlyList<RecallHit> Search(TenantIndex index, RecallQuery query, RecallRequest request)
    {
        var view = index.View();
        if (view.Memories == 0 || request.Limit <= 0)
        {
            return [];
        }

        var scope = new ScopeFilter(view, request.Scope);
        var selection = new Selection(view, request);
        var scratch = SearchScratch.Rent(view);
        var options = request.Options.IsLong(query.Terms.Count, query.IsPersonal) ? request.Options.ForLong() : request.Options;
        var weights = request.Mode == RecallMode.Semantic ? new TermWeights() : TermWeights.Of(query, view, options);
        var lexical = new LexicalSearch(view, scope, selection, weights, options, scratch);
        try
        {
            var nearest = request.Mode == RecallMode.Lexical ? null : request.Semantic?.Nearest;
            lexical.Run(request.Limit, nearest);
            var hits = new HitList(view, query, request, selection, lexical, scratch.Slots);
            return hits.Best(index);
        }
        finally
        {
            lexical.Clear();
            scratch.Return();
        }
    }

    /// <summary>One bit per ordinal that may be a hit: what a vector search may return.</summary>
    public static ulong[] AllowedOrdinals(TenantIndex index, RecallRequest request)
    {
        var view = index.View();
        return new ScopeFilter(view, request.Scope).ToBitset(new Selection(view, request));
    }
}
