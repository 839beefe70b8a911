using System.Globalization;
using Memoir.Kit.Data;
using Memoir.Kit.Telemetry;
using Memoir.Server;
using Memoir.Server.Embeddings.Vectors;
using Memoir.Tests.Testing;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Npgsql;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Commands.Copy;

/// <summary>A source on SQLite and an empty target on the engine of the tests.</summary>
internal sealed class CopyFixture : IAsyncDisposable
{
    private readonly string? _postgres;

    private CopyFixture(string folder, string? postgres)
    {
        Folder = folder;
        _postgres = postgres;
        To = postgres is null ? $"sqlite:///{Path.Combine(folder, "target", "memoir.db")}" : PostgresServer.ApplicationUrlOf(postgres);
        Admin = postgres is null ? "" : PostgresServer.OwnerUrlOf(postgres);
    }

    public string Folder { get; }

    public string SourceFile => Path.Combine(Folder, "memoir.db");

    public string From => $"sqlite:///{SourceFile}";

    public string To { get; }

    public string Admin { get; }

    /// <summary>What makes a server work on the target.</summary>
    public (string, string)[] OnTarget => [("MEMORY_DATABASE_URL", To), ("MEMORY_DATABASE_ADMIN_URL", Admin)];

    public static async Task<CopyFixture> OpenAsync() => new(
        Directory.CreateTempSubdirectory("memoir-copy-").FullName,
        TestEngines.Current == TestEngine.Postgres ? await PostgresServer.CreateAsync("") : null);

    public Task<ServerProcess.Ending> CopyAsync(params string[] more) => ServerProcess.RunAsync(
        Folder, [("MEMORY_DATABASE_ADMIN_URL", Admin)], ["copy", "--from", From, "--to", To, .. more]);

    /// <summary>The source with its tables and no rows.</summary>
    public async Task MakeSourceAsync()
    {
        using var source = Open(From, "");
        await source.MigrateAsync(typeof(Startup).Assembly, TimeProvider.System, Ct);
    }

    public Database OpenTarget()
    {
        if (_postgres is null)
        {
            Directory.CreateDirectory(Path.Combine(Folder, "target"));
        }

        return Open(To, Admin);
    }

    public Task<IReadOnlyList<string>> ReadSourceAsync(string table, string tenant) => ReadFileAsync(SourceFile, table, tenant);

    public Task<IReadOnlyList<string>> ReadTargetAsync(string table, string tenant) => _postgres is null
        ? ReadFileAsync(Path.Combine(Folder, "target", "memoir.db"), table, tenant)
        : ReadServerAsync(table, tenant);

    public async Task ExecuteOnTargetAsync(string sql, string tenant)
    {
        if (_postgres is null)
        {
            Execute(Path.Combine(Folder, "target", "memoir.db"), sql);
            return;
        }

        await using var connection = await AsTenantAsync(tenant);
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(Ct);
    }

    public static void Execute(string file, string sql, params (string Name, object? Value)[] parameters)
    {
        using var connection = new SqliteConnection($"Data Source={file};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        foreach (var (name, value) in parameters)
        {
            command.Parameters.AddWithValue(name, value ?? DBNull.Value);
        }

        command.ExecuteNonQuery();
    }

    public async ValueTask DisposeAsync()
    {
        if (_postgres is not null)
        {
            await PostgresServer.DropAsync(_postgres);
        }

        Directory.Delete(Folder, recursive: true);
    }

    private static Database Open(string url, string admin)
    {
        var services = new ServiceCollection().AddMetrics().AddSingleton<Meters>().BuildServiceProvider();
        var options = new DatabaseOptions { DatabaseUrl = url, DatabaseAdminUrl = admin };
        return new Database(Options.Create(options), services.GetRequiredService<Meters>());
    }

    public static async Task<IReadOnlyList<string>> ReadFileAsync(string file, string table, string tenant)
    {
        await using var connection = new SqliteConnection($"Data Source={file};Pooling=False");
        await connection.OpenAsync(Ct);
        await using var command = connection.CreateCommand();
        command.CommandText = $"SELECT * FROM {table} WHERE tenant_id = '{tenant}'";
        await using var reader = await command.ExecuteReaderAsync(Ct);
        return await RowsAsync(reader);
    }

    private async Task<IReadOnlyList<string>> ReadServerAsync(string table, string tenant)
    {
        await using var connection = await AsTenantAsync(tenant);
        await using var command = new NpgsqlCommand($"SELECT {(table == "embeddings" ? "tenant_id, generation, sequence, change, vector::real[]" : "*")} FROM {table}", connection);
        await using var reader = await command.ExecuteReaderAsync(Ct);
        return await RowsAsync(reader);
    }

    private async Task<NpgsqlConnection> AsTenantAsync(string tenant)
    {
        var connection = await PostgresServer.ConnectAsync(To);
        await using var command = new NpgsqlCommand($"SELECT set_config('app.tenant', '{tenant}', false)", connection);
        await command.ExecuteNonQueryAsync(Ct);
        return connection;
    }

    /// <summary>Rows as text, in an order of their own: ids are bytes on one engine and ids on the other.</summary>
    private static async Task<IReadOnlyList<string>> RowsAsync(System.Data.Common.DbDataReader reader)
    {
        var rows = new List<string>();
        while (await reader.ReadAsync(Ct))
        {
            var cells = Enumerable.Range(0, reader.FieldCount)
                .OrderBy(reader.GetName, StringComparer.Ordinal)
                .Select(i => $"{reader.GetName(i)}={Text(reader.GetValue(i))}");
            rows.Add(string.Join('|', cells));
        }

        rows.Sort(StringComparer.Ordinal);
        return rows;
    }

    private static string Text(object value) => value switch
    {
        DBNull => "NULL",
        byte[] bytes => Convert.ToHexString(bytes),
        float[] vector => Convert.ToHexString(VectorCodec.Encode(vector)),
        Guid id => Convert.ToHexString(id.ToByteArray(bigEndian: true)),
        double real => real.ToString("R", CultureInfo.InvariantCulture),
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };
}
