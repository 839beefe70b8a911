using System.Text.Json;

namespace Memoir.Server.Embeddings.Providers;

/// <summary>Google's Gemini API: <c>models/{model}:batchEmbedContents</c>, which is told what a text is for.</summary>
internal sealed class GeminiProtocol(string? baseUrl, string key, TimeProvider time) : EmbeddingProtocol(time)
{
    private readonly string _base = string.IsNullOrWhiteSpace(baseUrl) ? "https://generativelanguage.googleapis.com/v1beta" : baseUrl;

    public override int MostTexts => 100;

    public override int MostTokens => 2048;

    public override HttpRequestMessage Request(
        EmbeddingGeneration generation, IReadOnlyList<string> texts, EmbeddingPurpose purpose, bool asksForSize)
    {
        var model = "models/" + generation.Model;
        var task = purpose == EmbeddingPurpose.Query ? "RETRIEVAL_QUERY" : "RETRIEVAL_DOCUMENT";
        var request = Post(Below(_base, $"models/{Uri.EscapeDataString(generation.Model)}:batchEmbedContents"), json =>
        {
            json.WriteStartArray("requests");
            foreach (var text in texts)
            {
                json.WriteStartObject();
                json.WriteString("model", model);
                json.WriteStartObject("content");
                json.WriteStartArray("parts");
                json.WriteStartObject();
                json.WriteString("text", text);
                json.WriteEndObject();
                json.WriteEndArray();
                json.WriteEndObject();
                json.WriteString("taskType", task);
                json.WriteNumber("outputDimensionality", generation.Dimensions);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        });
        request.Headers.Add("x-goog-api-key", key.Trim());
        return request;
    }

    public override float[][] Read(JsonElement answer, int count, int dimensions)
    {
        var vectors = new List<float[]>(count);
        foreach (var item in VectorAnswer.List(answer, "embeddings", count).EnumerateArray())
        {
            vectors.Add(item.ValueKind == JsonValueKind.Object && item.TryGetProperty("values", out var values)
                ? VectorAnswer.Vector(values, dimensions)
                : throw VectorAnswer.Invalid("an item has no vector"));
        }

        return [.. vectors];
    }

    protected override bool NeedsBody(int status) => status is 400 or 429;

    // A wrong key is answered with 400 like a wrong text, and only the reason beside it tells them apart.
    protected override EmbeddingException Judge(int status, string text, TimeSpan? wait, JsonElement? said) =>
        status == 400 && said is { } body && Details(body).Any(detail => Text(detail, "reason") is "API_KEY_INVALID")
            ? new EmbeddingException(EmbeddingError.Rejected, "The embedding provider refuses the key.") { IsProviderFault = true }
            : base.Judge(status, text, wait, said);

    // Not a header but google.rpc.RetryInfo says how long to wait: {"retryDelay": "37s"}.
    protected override TimeSpan? WaitIn(JsonElement said)
    {
        foreach (var detail in Details(said))
        {
            if (Text(detail, "retryDelay") is [.. var number, 's'] && SecondsOf(number) is { } wait)
            {
                return wait;
            }
        }

        return null;
    }

    private static IEnumerable<JsonElement> Details(JsonElement said) =>
        said.ValueKind == JsonValueKind.Object && said.TryGetProperty("error", out var error) && error.ValueKind == JsonValueKind.Object
        && error.TryGetProperty("details", out var details) && details.ValueKind == JsonValueKind.Array
            ? details.EnumerateArray().Where(detail => detail.ValueKind == JsonValueKind.Object)
            : [];

    private static string? Text(JsonElement detail, string member) =>
        detail.TryGetProperty(member, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
