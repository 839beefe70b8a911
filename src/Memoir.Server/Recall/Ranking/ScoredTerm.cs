namespace Memoir.Server.Recall.Ranking;

/// <summary>A term of the index that a query's word matches, with what one occurrence in an average text is worth.</summary>
internal readonly record struct ScoredTerm(int Number, float Weight, int Word, TermField Field);
