using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Recall.Indexes;

/// <summary>What recall may use, and what it returns at most.</summary>
internal sealed class RecallOptions
{
    /// <summary>Memory for search indexes; those used longest ago make room. One tenant's index is always kept.</summary>
    [Range(1, 1_000_000)]
    public int IndexCacheMegabytes { get; set; } = 1024;

    /// <summary>No search returns more hits than this, whatever its <c>top_k</c>.</summary>
    [Range(1, 100)]
    public int MaxResults { get; set; } = 100;
}

[OptionsValidator]
internal sealed partial class RecallOptionsValidator : IValidateOptions<RecallOptions>;
