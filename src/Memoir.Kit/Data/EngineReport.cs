namespace Memoir.Kit.Data;

/// <summary>What holds the data, as the log shows it at the start.</summary>
/// <param name="Version">For example <c>SQLite 3.40.1</c>.</param>
/// <param name="Warnings">What an operator should change, a sentence each.</param>
public sealed record EngineReport(string Version, IReadOnlyList<string> Warnings);
