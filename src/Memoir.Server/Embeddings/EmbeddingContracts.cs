using System.Text.Json.Serialization;

namespace Memoir.Server.Embeddings;

/// <summary>Body of <c>PUT /v1/admin/embeddings</c>. Keys and addresses are the server's settings, never a request's.</summary>
public sealed record ChooseEmbeddingsRequest
{
    /// <summary>One of the <c>providers</c> that the operator configured.</summary>
    public required string Provider { get; init; }

    /// <summary>1..200 characters of <c>A-Z a-z 0-9 . _ : / @ + -</c>; the provider's default when absent.</summary>
    public string? Model { get; init; }

    /// <summary>The length of its vectors, 1..4096; the model's default when absent.</summary>
    public int? Dimensions { get; init; }
}

/// <summary>What makes a tenant's vectors.</summary>
public sealed record EmbeddingChoiceResponse
{
    public required string Provider { get; init; }

    public required string Model { get; init; }

    public required int Dimensions { get; init; }

    /// <summary>Vectors are compared with others of the same generation only.</summary>
    public required string Generation { get; init; }

    /// <summary><c>tenant</c> when it was chosen for this tenant, <c>server</c> when it follows the server's settings.</summary>
    public required string ChosenBy { get; init; }

    /// <summary>When it came into use; null while nothing had to be recorded.</summary>
    public required DateTimeOffset? Since { get; init; }
}

/// <summary>Answer of <c>GET /v1/admin/embeddings</c>.</summary>
public sealed record EmbeddingsResponse
{
    public required EmbeddingChoiceResponse Current { get; init; }

    public required EmbeddingProgress Progress { get; init; }

    /// <summary>Generations before it whose vectors are still there.</summary>
    public required IReadOnlyList<EmbeddingGenerationResponse> Previous { get; init; }

    /// <summary>The providers that may be chosen.</summary>
    public required IReadOnlyList<string> Providers { get; init; }
}

/// <summary>How far the vectors of the current generation are.</summary>
/// <param name="Total">Memories with something to embed.</param>
/// <param name="Embedded">Those whose vector is there.</param>
/// <param name="Failed">Those that the provider refuses, or that were given up.</param>
/// <param name="Pending">The rest.</param>
public sealed record EmbeddingProgress(long Total, long Embedded, long Failed, long Pending);

/// <summary>A generation before the current one.</summary>
/// <param name="Provider">What made it.</param>
/// <param name="Model">What made it.</param>
/// <param name="Dimensions">The length of its vectors.</param>
/// <param name="Generation">Its name.</param>
/// <param name="State"><c>kept</c>: a rollback goes back to it; <c>deleting</c>: its vectors are being deleted.</param>
/// <param name="Vectors">How many vectors of it are stored.</param>
public sealed record EmbeddingGenerationResponse(string Provider, string Model, long Dimensions, string Generation, string State, long Vectors);

[JsonSerializable(typeof(ChooseEmbeddingsRequest))]
[JsonSerializable(typeof(EmbeddingChoiceResponse))]
[JsonSerializable(typeof(EmbeddingsResponse))]
internal sealed partial class EmbeddingsJson : JsonSerializerContext;
