namespace Memoir.Server.Embeddings.Vectors;

/// <summary>One answer of a nearest-vector scan.</summary>
internal readonly record struct VectorHit(int Ordinal, float Cosine);
