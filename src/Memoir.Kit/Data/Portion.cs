namespace Memoir.Kit.Data;

/// <summary>The rows of a list as far as they were read.</summary>
/// <param name="Items">The rows.</param>
/// <param name="IsCut">There may be more: these already weigh all that one answer may hold.</param>
public sealed record Portion<T>(IReadOnlyList<T> Items, bool IsCut);
