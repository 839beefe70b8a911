using Npgsql;

namespace Memoir.Kit.Data.Postgres;

/// <summary>Every connection of the pool was busy for as long as one waits for it. The server has nothing to do with it.</summary>
internal sealed class PoolExhaustedException(Exception cause) : NpgsqlException("All connections of the pool are busy.", cause)
{
    /// <returns>A connection of the pool.</returns>
    /// <exception cref="PoolExhaustedException">None became free in time.</exception>
    public static async Task<NpgsqlConnection> OpenAsync(NpgsqlDataSource source, CancellationToken ct)
    {
        try
        {
            return await source.OpenConnectionAsync(ct);
        }
        catch (NpgsqlException exception) when (exception is { InnerException: TimeoutException } && exception.Message.Contains("pool", StringComparison.Ordinal))
        {
            throw new PoolExhaustedException(exception);
        }
    }
}
