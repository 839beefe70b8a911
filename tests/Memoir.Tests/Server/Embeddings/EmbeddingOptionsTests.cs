using Memoir.Server.Embeddings;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Memoir.Tests.Server.Embeddings;

public sealed class EmbeddingOptionsTests
{
    [Fact]
    public void An_empty_configuration_gives_the_builtin_embedder()
    {
        var embedder = Embedder();

        Assert.True(embedder.IsLocal);
        Assert.Equal("builtin/ngram-1/256", embedder.Generation.Key);
    }

    [Fact]
    public async Task The_mock_finds_the_same_words_and_nothing_in_nothing()
    {
        var embedder = Embedder(("Provider", "mock"));

        var vectors = await embedder.EmbedAsync(["red apple", "Apple, red!", "..."], EmbeddingPurpose.Document, TestContext.Current.CancellationToken);

        Assert.Equal(vectors[0], vectors[1]);
        Assert.True(EmbeddingVector.IsEmpty(vectors[2]));
    }

    [Theory]
    [InlineData("MEMORY_EMBEDDING_API_KEY", "Provider", "openai")]
    [InlineData("MEMORY_EMBEDDING_BASE_URL", "BaseUrl", "ftp://example.org")]
    [InlineData("MEMORY_EMBEDDING_BASE_URL", "BaseUrl", "not an address")]
    [InlineData("MEMORY_EMBEDDING_BASE_URL", "BaseUrl", "https://user:hunter2@example.org/v1")]
    [InlineData("MEMORY_EMBEDDING_API_KEY", "ApiKey", "two\nlines")]
    [InlineData("Dimensions", "Dimensions", "0")]
    [InlineData("Dimensions", "Dimensions", "100000")]
    [InlineData("QueryTimeout", "QueryTimeout", "00:00:00")]
    [InlineData("MEMORY_EMBEDDING_PROVIDER", "Provider", "7")]
    [InlineData("MEMORY_EMBEDDING_PROVIDER", "Provider", "gemini")]
    [InlineData("MEMORY_GEMINI_API_KEY", "Provider", "google_gemini")]
    [InlineData("MEMORY_EMBEDDING_BASE_URL", "Provider", "sentence_transformer")]
    [InlineData("MEMORY_EMBEDDING_BASE_URL", "BaseUrl", "https://example.org/v1?key=hunter2")]
    [InlineData("MEMORY_EMBEDDING_MODEL_NAME", "ModelName", "../../admin")]
    [InlineData("MEMORY_EMBEDDING_MODEL_NAME", "ModelName", "a model")]
    [InlineData("MaxRequestsPerMinute", "MaxRequestsPerMinute", "0")]
    public void A_wrong_value_is_refused_by_name_and_without_its_value(string named, string option, string value)
    {
        var refused = Assert.ThrowsAny<Exception>(() => Embedder((option, value)));

        Assert.Contains(named, refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("two", refused.Message, StringComparison.Ordinal);
        Assert.IsType<OptionsValidationException>(refused);
    }

    private static IEmbedder Embedder(params (string Name, string Value)[] settings)
    {
        var builder = WebApplication.CreateSlimBuilder();
        foreach (var (name, value) in settings)
        {
            builder.Configuration["Memory:Embedding" + name] = value;
        }

        builder.Services.AddSingleton(TimeProvider.System);
        builder.AddEmbeddings();
        return builder.Build().Services.GetRequiredService<Embedders>().Default;
    }
}
