using System.Text.Json.Serialization;

namespace Memoir.Server.Commands.Eval;

/// <summary>What <c>memoir eval --json</c> prints.</summary>
internal sealed record EvalReport
{
    public required string Set { get; init; }

    public required string Mode { get; init; }

    public required int TopK { get; init; }

    public required int Questions { get; init; }

    public required EvalRow All { get; init; }

    public required IReadOnlyDictionary<string, EvalRow> Categories { get; init; }

    public required EvalLatency LatencyMs { get; init; }
}

/// <summary>The averages of one category, each 0..1.</summary>
internal sealed record EvalRow(
    int Count,
    [property: JsonPropertyName("recall_at_1")] double RecallAt1,
    [property: JsonPropertyName("recall_at_5")] double RecallAt5,
    [property: JsonPropertyName("recall_at_k")] double RecallAtK,
    [property: JsonPropertyName("ndcg_at_k")] double NdcgAtK,
    double Mrr);

/// <summary>Milliseconds of a search, over HTTP.</summary>
internal sealed record EvalLatency(double P50, double P95);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(EvalReport))]
internal sealed partial class EvalJson : JsonSerializerContext;
