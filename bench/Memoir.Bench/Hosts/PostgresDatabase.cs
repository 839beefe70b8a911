using System.Globalization;
using Npgsql;

namespace Memoir.Bench.Hosts;

/// <summary>A database of its own on a PostgreSQL server, for one size; it is dropped at the end.</summary>
internal sealed class PostgresDatabase : IDisposable
{
    private static int _made;

    private readonly string _maintenance;
    private readonly string _name;
    private readonly NpgsqlDataSource _source;

    private PostgresDatabase(string url, string admin, string name)
    {
        _maintenance = admin;
        _name = name;
        (Url, AdminUrl) = (At(url, name), At(admin, name));
        _source = NpgsqlDataSource.Create(Connection(AdminUrl));
        Processes = new PostgresProcesses(Convert.ToInt32(Scalar("SELECT pg_backend_pid()"), CultureInfo.InvariantCulture));
    }

    /// <summary>What a server is given to work with.</summary>
    public string Url { get; }

    /// <summary>What it is given to make its tables with.</summary>
    public string AdminUrl { get; }

    public PostgresProcesses Processes { get; }

    public long DiskBytes => Convert.ToInt64(Scalar("SELECT pg_database_size(current_database())"), CultureInfo.InvariantCulture);

    /// <summary>How far the server's log has come: the bytes that were written durably, of all its databases.</summary>
    public long LogBytes => Convert.ToInt64(Scalar("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn"), CultureInfo.InvariantCulture);

    /// <param name="url">The role that the server under test works with; the name in it is replaced.</param>
    /// <param name="admin">A role that may make databases, on a database that exists.</param>
    public static PostgresDatabase Create(string url, string admin)
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"memoir_bench_{Environment.ProcessId}_{++_made}");
        Execute(admin, $"CREATE DATABASE {name}");
        return new PostgresDatabase(url, admin, name);
    }

    public NpgsqlConnection Connect() => _source.OpenConnection();

    public void Dispose()
    {
        _source.Dispose();
        Execute(_maintenance, $"DROP DATABASE {_name} WITH (FORCE)");
    }

    private object? Scalar(string sql)
    {
        using var command = _source.CreateCommand(sql);
        return command.ExecuteScalar();
    }

    private static void Execute(string url, string sql)
    {
        using var connection = new NpgsqlConnection(Connection(url) + ";Pooling=false");
        connection.Open();
        using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 300 };
        command.ExecuteNonQuery();
    }

    private static string At(string url, string name) => new UriBuilder(url) { Path = name }.Uri.AbsoluteUri;

    private static string Connection(string url)
    {
        var uri = new Uri(url);
        var user = uri.UserInfo.Split(':', 2);
        return new NpgsqlConnectionStringBuilder
        {
            Host = uri.Host,
            Port = uri.Port > 0 ? uri.Port : 5432,
            Username = Uri.UnescapeDataString(user[0]),
            Password = user.Length == 2 ? Uri.UnescapeDataString(user[1]) : null,
            Database = uri.AbsolutePath.TrimStart('/'),
            CommandTimeout = 300,
        }.ConnectionString;
    }
}
