using System.Net;
using Memoir.Kit.Settings;
using Microsoft.Extensions.Options;
using Memoir.Server.Embeddings.Stored;

namespace Memoir.Server.Embeddings;

/// <summary>Front door of this folder: registers the one provider that the options choose.</summary>
internal static class EmbeddingsFeature
{
    public static void AddEmbeddings(this IHostApplicationBuilder builder)
    {
        builder.Services.AddSettings<EmbeddingOptions, EmbeddingOptionsValidator>();
        builder.Services.AddSingleton<MemoryVectors>();
        builder.Services.AddSingleton<EmbeddingHealth>();
        builder.Services.AddSingleton(CreateEmbedder);
    }

    private static IEmbedder CreateEmbedder(IServiceProvider services)
    {
        var provider = services.GetRequiredService<IOptions<EmbeddingOptions>>().Value.Provider;
        return provider switch
        {
            EmbeddingProvider.OpenAi => ActivatorUtilities.CreateInstance<OpenAiEmbedder>(services, CreateHttpClient()),
            EmbeddingProvider.Mock => new MockEmbedder(),
            _ => new BuiltinEmbedder(),
        };
    }

    private static HttpClient CreateHttpClient() =>
        new(new SocketsHttpHandler
        {
            // Long-lived connections would keep an address that DNS no longer gives.
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
            ConnectTimeout = TimeSpan.FromSeconds(5),

            // A redirect would carry texts to an address that nobody configured.
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.All,
        })
        {
            // The timeouts per try are the resilience pipeline's.
            Timeout = Timeout.InfiniteTimeSpan,
        };
}
