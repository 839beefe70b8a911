namespace Memoir.Server.Embeddings.Stored;

/// <summary>Whether a memory's vector is there, as the wire spells it.</summary>
internal static class EmbeddingStatus
{
    public const string Pending = "pending";
    public const string Completed = "completed";
    public const string Failed = "failed";

    /// <summary>There is nothing in the text that could be embedded.</summary>
    public const string Skipped = "skipped";

    /// <summary>The status of a text whose vector was made.</summary>
    public static string Of(float[] vector) => EmbeddingVector.IsEmpty(vector) ? Skipped : Completed;
}
