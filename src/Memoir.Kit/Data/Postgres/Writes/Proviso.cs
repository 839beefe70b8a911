using Npgsql;

namespace Memoir.Kit.Data.Postgres.Writes;

/// <summary>
/// Under what a write runs again when nobody knows whether it was kept: that all it had assumed is still so. Then it was
/// not kept, and what may still be on its way to the server fails on the same assumptions.
/// </summary>
internal sealed class Proviso
{
    private readonly IReadOnlyList<Func<NpgsqlBatchCommand>> _assumptions;

    private Proviso(IReadOnlyList<Func<NpgsqlBatchCommand>> assumptions) => _assumptions = assumptions;

    public static Proviso None { get; } = new([]);

    /// <summary>It did not hold: what runs under it is not run.</summary>
    public static Proviso Lost { get; } = new([]);

    public bool IsGiven => _assumptions.Count > 0;

    public bool IsLost => ReferenceEquals(this, Lost);

    public int Count => _assumptions.Count;

    /// <summary>After a commit that nobody heard of.</summary>
    public static Proviso After(PostgresTransaction transaction) => new(transaction.Assumptions);

    public void Bind(PostgresTransaction transaction)
    {
        foreach (var assumption in _assumptions)
        {
            transaction.Assume(assumption);
        }
    }
}
