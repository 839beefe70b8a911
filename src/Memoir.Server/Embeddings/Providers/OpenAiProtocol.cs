using System.Text.Json;

namespace Memoir.Server.Embeddings.Providers;

/// <summary>OpenAI, or any endpoint that speaks like it.</summary>
internal sealed class OpenAiProtocol(string? baseUrl, string? key, TimeProvider time) : EmbeddingProtocol(time)
{
    private readonly Uri _address = Below(string.IsNullOrWhiteSpace(baseUrl) ? "https://api.openai.com/v1" : baseUrl, "embeddings");

    public override int MostTexts => 2048;

    public override bool AsksForSize(EmbeddingGeneration generation) => !ProviderNames.IsOwnSize(generation);

    public override HttpRequestMessage Request(
        EmbeddingGeneration generation, IReadOnlyList<string> texts, EmbeddingPurpose purpose, bool asksForSize) =>
        Authorize(Post(_address, json =>
        {
            json.WriteString("model", generation.Model);
            json.WriteString("encoding_format", "base64");
            if (asksForSize)
            {
                json.WriteNumber("dimensions", generation.Dimensions);
            }

            json.WriteStartArray("input");
            foreach (var text in texts)
            {
                json.WriteStringValue(text);
            }

            json.WriteEndArray();
        }), key);

    public override float[][] Read(JsonElement answer, int count, int dimensions)
    {
        var data = VectorAnswer.List(answer, "data", count);
        var vectors = new float[count][];
        var position = 0;
        foreach (var item in data.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Object || !item.TryGetProperty("embedding", out var embedding))
            {
                throw VectorAnswer.Invalid("an item has no vector");
            }

            var index = position++;
            if (item.TryGetProperty("index", out var given)
                && (given.ValueKind != JsonValueKind.Number || !given.TryGetInt32(out index)))
            {
                throw VectorAnswer.Invalid("an index is not a number");
            }

            if (index < 0 || index >= count || vectors[index] is not null)
            {
                throw VectorAnswer.Invalid("the indexes do not match what was asked");
            }

            vectors[index] = VectorAnswer.Vector(embedding, dimensions);
        }

        return vectors;
    }
}
