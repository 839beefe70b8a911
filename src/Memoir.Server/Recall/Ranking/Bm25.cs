namespace Memoir.Server.Recall.Ranking;

/// <summary>Okapi BM25 (Robertson and Zaragoza 2009), the non-negative idf of Lucene.</summary>
internal static class Bm25
{
    public static float Idf(int documents, int containing) =>
        MathF.Log(1f + ((Math.Max(0, documents - containing) + 0.5f) / (containing + 0.5f)));

    /// <summary>How far occurrences go toward a full match: 0 for none, 1 for one in an average text, at most k1 + 1.</summary>
    public static float Saturation(float occurrences, float length, float averageLength, float k1, float b) =>
        occurrences * (k1 + 1f) / (occurrences + (k1 * (1f - b + (b * length / averageLength))));
}
