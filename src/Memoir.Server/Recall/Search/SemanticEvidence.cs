namespace Memoir.Server.Recall.Search;

/// <summary>What the vectors say about a question: the nearest allowed memories, and the cosine of any other.</summary>
/// <param name="Nearest">Ordinals with their cosines, nearest first.</param>
/// <param name="CosineOf">The cosine of an ordinal, NaN when it has no vector.</param>
/// <param name="Weight">Weight of the normalised cosine next to the lexical similarity, which weighs 1.</param>
/// <param name="Floor">The cosine that unrelated texts have with this model; it counts as 0.</param>
internal sealed record SemanticEvidence(
    IReadOnlyList<(int Ordinal, float Cosine)> Nearest, Func<int, float> CosineOf, float Weight, float Floor = 0f);
