using System.Text.RegularExpressions;

namespace Memoir.Server.Privacy;

/// <summary>What memories were made from: what is made of somebody's words goes with them.</summary>
internal static partial class Provenance
{
    /// <summary>The ids in what a memory says it was made from.</summary>
    public static Guid[] SourcesOf(string? derivedFrom) =>
        derivedFrom is null ? [] : [.. IdPattern().Matches(derivedFrom).Select(match => Guid.Parse(match.ValueSpan))];

    [GeneratedRegex("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")]
    private static partial Regex IdPattern();
}
