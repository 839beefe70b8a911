using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using Memoir.Kit.Data;
using Memoir.Kit.Telemetry;
using Memoir.Server;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Memoir.Tests.Testing;

/// <summary>The PostgreSQL of the tests, as scripts/postgres.sh starts it: a database for each test, copied from one that was migrated once.</summary>
internal static class PostgresServer
{
    private const string Note = "postgres-database";

    private static readonly Lazy<Task<string>> Template = new(MakeTemplateAsync);
    private static readonly ConcurrentDictionary<string, bool> Left = new(StringComparer.Ordinal);
    private static readonly string Run = $"{Environment.ProcessId}_{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4))}"; // A killed run left its databases.
    private static int _made;

    static PostgresServer() => AppDomain.CurrentDomain.ProcessExit += (_, _) => DropAllAsync().GetAwaiter().GetResult();

    /// <summary>The owner of the tables, on a database from which others can be made.</summary>
    private static string OwnerUrl => Variable("MEMOIR_TEST_POSTGRES");

    /// <summary>What a server is given to work with.</summary>
    public static string ApplicationUrlOf(string database) => At(Variable("MEMOIR_TEST_POSTGRES_APP"), database);

    /// <summary>What a migration is given to work with.</summary>
    public static string OwnerUrlOf(string database) => At(OwnerUrl, database);

    /// <summary>Whom no policy binds.</summary>
    public static string SuperuserUrlOf(string database) => At(Variable("MEMOIR_TEST_POSTGRES_SUPERUSER"), database);

    /// <summary>The application role behind a pooler with one connection per database, which it hands out by the transaction.</summary>
    public static string PooledUrlOf(string database)
    {
        var direct = new Uri(ApplicationUrlOf(database));
        return $"postgresql://{direct.UserInfo}@{Variable("MEMOIR_TEST_POSTGRES_PGBOUNCER")}{direct.AbsolutePath}";
    }

    /// <summary>A database with all tables and no rows.</summary>
    public static async Task<string> CreateAsync() => await CreateAsync($"TEMPLATE {await Template.Value}");

    public static async Task<string> CreateAsync(string how)
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"memoir_test_{Run}_{Interlocked.Increment(ref _made)}");
        await RunAsync($"CREATE DATABASE {name} {how}");
        Left[name] = true;
        return name;
    }

    public static async Task DropAsync(string database)
    {
        Left.TryRemove(database, out _);

        // The owner may not end a connection of the superuser, and one that a test has just closed may be there still.
        await AskAsync(SuperuserUrlOf("postgres"), $"DROP DATABASE IF EXISTS {database} WITH (FORCE)");
    }

    /// <summary>The folder remembers its database, so that who starts in it again finds the same data.</summary>
    public static async Task<string> FindOrCreateAsync(string folder, Func<Task<string>> create)
    {
        var note = Path.Combine(folder, Note);
        if (!File.Exists(note))
        {
            await File.WriteAllTextAsync(note, await create());
        }

        return DatabaseIn(folder);
    }

    public static string DatabaseIn(string folder) => File.ReadAllText(Path.Combine(folder, Note));

    /// <summary>Runs a statement as the owner of the tables, whom row level security binds too.</summary>
    public static Task<object?> AsOwnerAsync(string database, string sql) => AskAsync(OwnerUrlOf(database), sql);

    public static async Task<object?> AskAsync(string url, string sql)
    {
        await using var connection = await ConnectAsync(url);
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync();
    }

    public static async Task<NpgsqlConnection> ConnectAsync(string url)
    {
        var address = Memoir.Kit.Data.Postgres.PostgresAddress.Parse(url, "MEMOIR_TEST_POSTGRES");
        address.Pooling = false;
        var connection = new NpgsqlConnection(address.ConnectionString);
        await connection.OpenAsync();
        return connection;
    }

    private static async Task<string> MakeTemplateAsync()
    {
        var name = await CreateAsync("");
        await using var services = new ServiceCollection().AddMetrics().AddSingleton<Meters>().BuildServiceProvider();
        var options = new DatabaseOptions { DatabaseUrl = ApplicationUrlOf(name), DatabaseAdminUrl = OwnerUrlOf(name) };
        using (var database = new Database(Options.Create(options), services.GetRequiredService<Meters>()))
        {
            await database.MigrateAsync(typeof(Startup).Assembly, TimeProvider.System, CancellationToken.None);
        }

        return name;
    }

    private static async Task DropAllAsync()
    {
        foreach (var database in Left.Keys)
        {
            await DropAsync(database);
        }
    }

    private static async Task RunAsync(string sql)
    {
        await using var connection = await ConnectAsync(OwnerUrl);
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 120 };
        await command.ExecuteNonQueryAsync();
    }

    private static string At(string url, string database) => $"{url[..url.LastIndexOf('/')]}/{database}";

    private static string Variable(string name) => Environment.GetEnvironmentVariable(name)
        ?? throw new InvalidOperationException($"{name} is not set: eval \"$(scripts/postgres.sh env)\"");
}
