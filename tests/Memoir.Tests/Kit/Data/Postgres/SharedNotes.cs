using Memoir.Kit.Data;
using Memoir.Tests.Testing;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Memoir.Tests.Kit.Data.Postgres;

/// <summary>The table of notes in one database that several processes, or a pooler, have open.</summary>
internal sealed class SharedNotes : IDisposable
{
    private readonly TestDatabase _first;
    private readonly List<Database> _others = [];

    private SharedNotes(TestDatabase first) => _first = first;

    public Database Database => _first.Database;

    public string Name => _first.Postgres!;

    public static async Task<SharedNotes> OpenAsync() => new(await TestDatabase.OpenAsync());

    public Task<IReadOnlyList<string>> NotesAsync() => _first.NotesAsync();

    /// <summary>The database as another process has it.</summary>
    public Database Another(Action<DatabaseOptions>? change = null)
    {
        var options = new DatabaseOptions
        {
            DatabaseUrl = PostgresServer.ApplicationUrlOf(Name),
            DatabaseAdminUrl = PostgresServer.OwnerUrlOf(Name),
            DatabasePoolSize = 2,
        };
        change?.Invoke(options);
        var other = new Database(Options.Create(options), _first.Meters);
        _others.Add(other);
        return other;
    }

    /// <summary>Through the pooler, whose one connection everybody shares.</summary>
    public Database Pooled() => Another(options =>
    {
        options.DatabaseUrl = PostgresServer.PooledUrlOf(Name);
        options.DatabasePrepare = false;
    });

    /// <summary>Somebody else on the pooler's one connection, who begins no transaction and says nothing of a tenant.</summary>
    public Task<NpgsqlConnection> StrangerAsync() => PostgresServer.ConnectAsync(PostgresServer.PooledUrlOf(Name));

    public Task OwnerAsync(string sql) => PostgresServer.AsOwnerAsync(Name, sql);

    public void Dispose()
    {
        _others.ForEach(other => other.Dispose());
        _first.Dispose();
    }
}
