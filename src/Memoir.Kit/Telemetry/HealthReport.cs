namespace Memoir.Kit.Telemetry;

/// <summary>How a dependency is doing: works, works with less, does not work.</summary>
public enum ReadinessState
{
    Ok,
    Degraded,
    Error,
}

/// <summary>What a probe found. The detail is shown to operators: no secrets, no addresses with passwords.</summary>
public readonly record struct ReadinessResult(ReadinessState State, string? Detail)
{
    public static ReadinessResult Ok { get; } = new(ReadinessState.Ok, null);

    public static ReadinessResult Degraded(string detail) => new(ReadinessState.Degraded, detail);

    public static ReadinessResult Error(string detail) => new(ReadinessState.Error, detail);
}

/// <summary>Asks one dependency whether requests can be served.</summary>
public interface IReadinessProbe
{
    /// <summary>The entry's name in the answer: <c>database</c>, <c>embeddings</c>, <c>queue</c>, <c>disk</c>.</summary>
    string Name { get; }

    ValueTask<ReadinessResult> CheckAsync(CancellationToken ct);
}

/// <summary>One dependency's line in the report.</summary>
public sealed record ReadinessEntry(string Name, ReadinessState State, string? Detail, TimeSpan Elapsed);

/// <summary>Whether this process should receive requests, and why not.</summary>
public sealed record HealthReport(bool Draining, IReadOnlyList<ReadinessEntry> Entries)
{
    public ReadinessState State => Entries.Count == 0 ? ReadinessState.Ok : Entries.Max(entry => entry.State);

    public bool IsReady => !Draining && State != ReadinessState.Error;
}
