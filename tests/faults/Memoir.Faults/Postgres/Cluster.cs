using System.Diagnostics;
using System.Globalization;
using Npgsql;

namespace Memoir.Faults.Postgres;

/// <summary>The PostgreSQL server of a run, which scripts/postgres.sh starts and stops, and a database of its own on it.</summary>
internal sealed class Cluster(string script, string dataFolder)
{
    private const string Postmaster = "postmaster.pid";

    private readonly string _name = $"memoir_faults_{Guid.CreateVersion7(TimeProvider.System.GetUtcNow()):N}"[..30];
    private readonly Dictionary<string, string> _environment = new(StringComparer.Ordinal);
    private NpgsqlConnection? _watching;

    /// <summary>As tests/faults/run.sh describes it; null, and said why, where that did not happen.</summary>
    public static Cluster? OfEnvironment()
    {
        const string script = "MEMOIR_FAULTS_POSTGRES";
        const string dataFolder = "MEMOIR_POSTGRES_DATA";
        if (Environment.GetEnvironmentVariable(script) is { } path && Environment.GetEnvironmentVariable(dataFolder) is { } data)
        {
            return new Cluster(path, data);
        }

        Console.Error.WriteLine($"{script} must name scripts/postgres.sh and {dataFolder} a folder that this run may crash; tests/faults/run.sh sets both.");
        return null;
    }

    /// <summary>What the processes under test are told.</summary>
    public IReadOnlyDictionary<string, string> Settings => new Dictionary<string, string>
    {
        ["MEMORY_DATABASE_URL"] = Address("MEMOIR_TEST_POSTGRES_APP").ToString(),
        ["MEMORY_DATABASE_ADMIN_URL"] = Address("MEMOIR_TEST_POSTGRES").ToString(),
    };

    public async Task StartAsync(CancellationToken ct)
    {
        foreach (var line in (await RunAsync("start", ct)).Split('\n').Where(line => line.StartsWith("export ", StringComparison.Ordinal)))
        {
            var (name, value) = line["export ".Length..].Split('=', 2) is [var n, var v] ? (n, v.Trim().Trim('\'')) : (line, "");
            _environment[name] = value;
        }
    }

    public Task StopAsync(CancellationToken ct) => RunAsync("stop", ct);

    /// <summary>Makes the database, and in it the table that jobs leave their effects in: no key, for a second effect must be able to show.</summary>
    public async Task CreateDatabaseAsync(CancellationToken ct)
    {
        await ExecuteAsync("postgres", $"CREATE DATABASE {_name}", ct);
        await ExecuteAsync(_name, "CREATE TABLE fault_effects (tenant text NOT NULL, job_id uuid NOT NULL)", ct);
        await ExecuteAsync(_name, "GRANT SELECT, INSERT ON fault_effects TO memoir_app", ct);
    }

    public Task DropDatabaseAsync(CancellationToken ct) => ExecuteAsync("postgres", $"DROP DATABASE {_name} WITH (FORCE)", ct);

    /// <summary>Effects, the jobs that they are of, and the jobs that are not done yet.</summary>
    public async Task<(long Effects, long Jobs, long Open)> CountAsync(CancellationToken ct)
    {
        const string sql = """
            SELECT count(*), count(DISTINCT job_id), (SELECT count(*) FROM jobs WHERE kind = 'fault-count' AND status IN ('queued', 'failed', 'running'))
            FROM fault_effects
            """;

        var counts = await AskAsync(sql, ct);
        return (counts[0], counts[1], counts[2]);
    }

    /// <summary>The tables that somebody has for himself at this moment.</summary>
    public async Task<IReadOnlyList<string>> ListLockedTablesAsync(CancellationToken ct)
    {
        const string sql = """
            SELECT DISTINCT c.relname FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE l.mode = 'AccessExclusiveLock' AND l.granted AND c.relkind = 'r' AND n.nspname = 'public'
                AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
            """;

        _watching ??= await OpenAsync(_name, ct);
        await using var command = new NpgsqlCommand(sql, _watching);
        await using var reader = await command.ExecuteReaderAsync(ct);
        var tables = new List<string>();
        while (await reader.ReadAsync(ct))
        {
            tables.Add(reader.GetString(0));
        }

        return tables;
    }

    /// <summary>Takes out what the migration of the next release added, so that it can be applied once more.</summary>
    public async Task TakeBackNextReleaseAsync(CancellationToken ct)
    {
        await ExecuteAsync(_name, "ALTER TABLE memories DROP COLUMN IF EXISTS next_release", ct);
        await ExecuteAsync(_name, "DELETE FROM schema_migrations WHERE name LIKE '%next_release'", ct);
    }

    /// <summary>Whether the server takes connections and answers.</summary>
    public async Task<bool> AnswersAsync(CancellationToken ct)
    {
        try
        {
            return await AskAsync("SELECT 1::bigint", ct) is [1];
        }
        catch (NpgsqlException)
        {
            return false;
        }
    }

    /// <summary>The processes that serve connections of the application.</summary>
    public IReadOnlyList<int> Backends() => [.. Children().Where(child => CommandLine(child).Contains(" memoir_app ", StringComparison.Ordinal))];

    /// <summary>A process of the server that holds some tenant's turn at this moment; null when there is none.</summary>
    public async Task<int?> FindTurnHolderAsync(CancellationToken ct)
    {
        const string sql = "SELECT COALESCE(min(pid), 0)::bigint FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid <> pg_backend_pid() AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        return await AskAsync(sql, ct) is [> 0 and var holder] ? (int)holder : null;
    }

    /// <summary>The server's own process and all that it started.</summary>
    public IReadOnlyList<int> Everything() => [Parent(), .. Children()];

    /// <summary>Kills the server with all that it started, which leaves its lock file, and starts it again.</summary>
    public async Task CrashAsync(CancellationToken ct)
    {
        var everything = Everything();
        Signal("KILL", everything);
        while (everything.Any(IsAlive))
        {
            await Task.Delay(TimeSpan.FromMilliseconds(10), ct);
        }

        // Where nobody takes leave of the dead, the process that these files name still seems to be there.
        foreach (var file in Directory.EnumerateFiles(dataFolder, ".s.PGSQL.*.lock").Append(Path.Combine(dataFolder, Postmaster)))
        {
            File.Delete(file);
        }

        await StartAsync(ct);
    }

    public static void Signal(string signal, params IEnumerable<int> processes)
    {
        using var kill = Process.Start("kill", [$"-{signal}", .. processes.Select(id => id.ToString(CultureInfo.InvariantCulture))]);
        kill.WaitForExit();
    }

    private int Parent() => int.Parse(File.ReadLines(Path.Combine(dataFolder, Postmaster)).First(), CultureInfo.InvariantCulture);

    private IEnumerable<int> Children()
    {
        var parent = Parent();
        return Directory.EnumerateDirectories("/proc")
            .Select(folder => int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out var id) ? id : 0)
            .Where(id => id > 0 && ParentOf(id) == parent);
    }

    private static bool IsAlive(int process) => Stat(process) is [_, var state, ..] && state != "Z";

    private static int ParentOf(int process) => Stat(process) is [_, _, var parent, ..] ? int.Parse(parent, CultureInfo.InvariantCulture) : 0;

    /// <summary>After the process's name, which may hold anything: its state, its parent, …</summary>
    private static string[] Stat(int process)
    {
        var stat = Read(process, "stat");
        return stat[(stat.LastIndexOf(')') + 1)..].Split(' ');
    }

    private static string CommandLine(int process) => Read(process, "cmdline");

    private static string Read(int process, string file)
    {
        try
        {
            return File.ReadAllText($"/proc/{process}/{file}");
        }
        catch (IOException)
        {
            return ""; // It is gone.
        }
    }

    /// <summary>The numbers of the first row.</summary>
    private async Task<long[]> AskAsync(string sql, CancellationToken ct)
    {
        await using var connection = await OpenAsync(_name, ct);
        await using var system = new NpgsqlCommand("SELECT set_config('app.system', 'on', false)", connection);
        await system.ExecuteScalarAsync(ct);
        await using var command = new NpgsqlCommand(sql, connection);
        await using var reader = await command.ExecuteReaderAsync(ct);
        await reader.ReadAsync(ct);
        return [.. Enumerable.Range(0, reader.FieldCount).Select(reader.GetInt64)];
    }

    private async Task ExecuteAsync(string database, string sql, CancellationToken ct)
    {
        await using var connection = await OpenAsync(database, ct);
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(ct);
    }

    private async Task<NpgsqlConnection> OpenAsync(string database, CancellationToken ct)
    {
        var address = Address("MEMOIR_TEST_POSTGRES");
        var password = address.UserInfo.Split(':', 2);
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder
        {
            Host = address.Host,
            Port = address.Port,
            Username = Uri.UnescapeDataString(password[0]),
            Password = Uri.UnescapeDataString(password[1]),
            Database = database,
            Pooling = false,
            Timeout = 3,
            CommandTimeout = 60,
        }.ConnectionString);
        await connection.OpenAsync(ct);
        return connection;
    }

    private Uri Address(string variable) => new UriBuilder(_environment[variable]) { Path = _name }.Uri;

    private async Task<string> RunAsync(string command, CancellationToken ct)
    {
        var start = new ProcessStartInfo(script, [command]) { RedirectStandardOutput = true };
        using var process = Process.Start(start) ?? throw new InvalidOperationException($"{script} did not start.");
        var lines = new List<string>();
        if (command == "start")
        {
            // Not to the end: the servers that it leaves behind may hold the pipe open.
            while (await process.StandardOutput.ReadLineAsync(ct) is { } line)
            {
                lines.Add(line);
                if (line.StartsWith("export MEMOIR_TEST_POSTGRES_BIN", StringComparison.Ordinal))
                {
                    break;
                }
            }
        }

        await process.WaitForExitAsync(ct);
        return process.ExitCode == 0 ? string.Join('\n', lines) : throw new Disk.ToolException($"{script} {command} ended with {process.ExitCode}");
    }
}
