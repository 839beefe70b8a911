using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using System.Data.Common;
using Memoir.Kit.Http;

namespace Memoir.Kit.Data;

/// <summary>
/// Applies the numbered SQL files embedded in an assembly, once each, in order, in one transaction. A released file never
/// changes: its checksum is kept beside it.
/// </summary>
public static partial class Migrator
{
    /// <returns>The number of files applied by this run.</returns>
    /// <exception cref="StartupException">A file was changed after it was applied, or the database is newer than the program.</exception>
    public static async Task<int> MigrateAsync(this Database database, Assembly assembly, TimeProvider time, CancellationToken ct)
    {
        var migrations = Load(assembly, database.Dialect.Name);
        var current = "";
        try
        {
            return await database.MigrateAsync(session => ApplyAsync(session, migrations, time.Now(), name => current = name), ct);
        }
        catch (DbException exception)
        {
            throw Failed(exception);
        }
        catch (ProblemException exception)
        {
            throw Failed(exception);
        }

        StartupException Failed(Exception cause) => new($"{database.Location} cannot be brought up to date{current}: {cause.Message.Split('\n')[0].TrimEnd()}", cause);
    }

    internal static IReadOnlyList<Migration> Load(Assembly assembly, string engine)
    {
        var found = new List<Migration>();
        foreach (var resource in assembly.GetManifestResourceNames())
        {
            var match = ResourceName().Match(resource);
            if (!match.Success || match.Groups["engine"].Value != engine)
            {
                continue;
            }

            using var reader = new StreamReader(assembly.GetManifestResourceStream(resource)!, Encoding.UTF8);
            var sql = reader.ReadToEnd().ReplaceLineEndings("\n");
            var checksum = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(sql)));
            found.Add(new Migration(int.Parse(match.Groups["number"].ValueSpan), match.Groups["name"].Value, sql, checksum));
        }

        found.Sort((a, b) => a.Number.CompareTo(b.Number));
        for (var i = 0; i < found.Count; i++)
        {
            if (found[i].Number != i + 1)
            {
                throw new StartupException($"Migration numbers must run 0001, 0002, … without a gap; found {found[i].Number:D4} at place {i + 1}.");
            }
        }

        return found;
    }

    /// <summary>Cuts a file into its statements: a semicolon at the end of a line ends one.</summary>
    internal static IEnumerable<string> Statements(string sql) =>
        StatementEnd().Split(Comment().Replace(sql, "")).Select(s => s.Trim()).Where(s => s.Length > 0);

    private static async Task<int> ApplyAsync(Session session, IReadOnlyList<Migration> migrations, DateTimeOffset now, Action<string> begin)
    {
        const string createTable = """
            CREATE TABLE schema_migrations (
                number     BIGINT NOT NULL PRIMARY KEY,
                name       TEXT   NOT NULL,
                checksum   TEXT   NOT NULL,
                applied_at BIGINT NOT NULL)
            """;
        if (await session.ScalarAsync(session.Dialect.TableExists, new { table = "schema_migrations" }) is null)
        {
            await session.ExecuteAsync(createTable, new { });
        }

        var applied = await session.QueryAsync<AppliedMigration>(
            "SELECT number, name, checksum FROM schema_migrations ORDER BY number", new { });

        foreach (var old in applied)
        {
            if (old.Number > migrations.Count)
            {
                throw new StartupException($"The database is at migration {old.Number:D4}, newer than this program knows ({migrations.Count:D4}). Start the newer version.");
            }

            if (migrations[(int)old.Number - 1].Checksum != old.Checksum)
            {
                throw new StartupException($"Migration {old.Number:D4}_{old.Name} was changed after it was applied to this database.");
            }
        }

        foreach (var migration in migrations.Skip(applied.Count))
        {
            begin($" with migration {migration.Number:D4}_{migration.Name}");
            foreach (var statement in Statements(migration.Sql))
            {
                await session.ExecuteAsync(statement, new { });
            }

            await session.ExecuteAsync(
                "INSERT INTO schema_migrations (number, name, checksum, applied_at) VALUES (@Number, @Name, @Checksum, @now)",
                new { migration.Number, migration.Name, migration.Checksum, now });
        }

        return migrations.Count - applied.Count;
    }

    [GeneratedRegex(@"\.Migrations\.(?<engine>[a-z]+)\.(?<number>\d{4})_(?<name>[a-z0-9_]+)\.sql$")]
    private static partial Regex ResourceName();

    [GeneratedRegex(@"--[^\n]*")]
    private static partial Regex Comment();

    [GeneratedRegex(@";[ \t]*(?:\n|$)")]
    private static partial Regex StatementEnd();

    internal sealed record Migration(int Number, string Name, string Sql, string Checksum);

    private sealed record AppliedMigration
    {
        public required long Number { get; init; }

        public required string Name { get; init; }

        public required string Checksum { get; init; }
    }
}
