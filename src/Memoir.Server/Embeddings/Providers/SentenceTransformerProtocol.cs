using System.Text.Json;

namespace Memoir.Server.Embeddings.Providers;

/// <summary>A text-embeddings-inference server: <c>POST /embed</c>, lists of numbers back. It serves the one model it was started with.</summary>
internal sealed class SentenceTransformerProtocol(string baseUrl, string? key, TimeProvider time) : EmbeddingProtocol(time)
{
    private readonly Uri _address = Below(baseUrl, "embed");

    public override HttpRequestMessage Request(
        EmbeddingGeneration generation, IReadOnlyList<string> texts, EmbeddingPurpose purpose, bool asksForSize) =>
        Authorize(Post(_address, json =>
        {
            json.WriteStartArray("inputs");
            foreach (var text in texts)
            {
                json.WriteStringValue(text);
            }

            json.WriteEndArray();
            json.WriteBoolean("normalize", true);

            // Only the server knows how much its model reads; without this it refuses what is longer.
            json.WriteBoolean("truncate", true);
        }), key);

    public override float[][] Read(JsonElement answer, int count, int dimensions) =>
        [.. VectorAnswer.List(answer, member: null, count).EnumerateArray().Select(vector => VectorAnswer.Vector(vector, dimensions))];

    protected override EmbeddingException Judge(int status, string text, TimeSpan? wait, JsonElement? said) => status switch
    {
        413 => new EmbeddingException(EmbeddingError.TooLarge, "The embedding server takes fewer texts, or fewer words, in one request."),
        422 => new EmbeddingException(EmbeddingError.Rejected, "The embedding server cannot read a text."),
        424 => new EmbeddingException(EmbeddingError.Unavailable, "The model of the embedding server failed.") { RetryAfter = wait },
        429 => new EmbeddingException(EmbeddingError.RateLimited, "The embedding server is overloaded.") { RetryAfter = wait },
        _ => base.Judge(status, text, wait, said),
    };
}
