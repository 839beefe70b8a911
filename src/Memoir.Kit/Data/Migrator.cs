using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace Memoir.Kit.Data;

/// <summary>
/// Applies the numbered SQL files embedded in an assembly, once each, in order, in one transaction. A released file never
/// changes: its checksum is kept beside it. A file called <c>NNNN_expand_…</c> only adds what programs from before it need
/// not know: they go on, and start again, beside it, so that a release can be taken back.
/// </summary>
public static partial class Migrator
{
    /// <summary>How the names of files begin that older programs can be beside.</summary>
    internal const string Expansion = "expand_";

    /// <returns>The number of files applied by this run.</returns>
    /// <exception cref="StartupException">A file was changed after it was applied, the database is newer than the program can be beside, or it cannot be reached.</exception>
    public static async Task<int> MigrateAsync(this Database database, Assembly assembly, TimeProvider time, CancellationToken ct)
    {
        var migrations = Load(assembly, database.Dialect.Name);
        var current = "";
        try
        {
            return await database.MigrateAsync(
                async session =>
                {
                    await RefuseUnfinishedCopyAsync(session);
                    return await ApplyAsync(session, migrations, migrations.Count, time.Now(), name => current = name);
                },
                ct);
        }
        catch (Exception exception) when (database.Explain(exception, $"cannot be brought up to date{current}") is { } refusal)
        {
            throw refusal;
        }
    }

    /// <summary>How many files this program has: the same on both engines.</summary>
    public static int CountKnown(Assembly assembly) => Load(assembly, Dialect.Sqlite.Name).Count;

    /// <summary>Brings a database that a copy is written to as far as a number, whether or not the copy is complete.</summary>
    /// <exception cref="StartupException">It is beyond that number already.</exception>
    public static Task<int> MigrateCopyAsync(this Database database, Assembly assembly, int upTo, TimeProvider time, CancellationToken ct)
    {
        var migrations = Load(assembly, database.Dialect.Name);
        return database.MigrateAsync(session => ApplyAsync(session, migrations, upTo, time.Now(), _ => { }), ct);
    }

    /// <summary>How many files are not applied yet; nothing is changed. For whoever has to know every table.</summary>
    /// <exception cref="StartupException">The database is not this program's, is newer than it, or holds half of a copy.</exception>
    public static async Task<int> CountPendingAsync(this Database database, Assembly assembly, CancellationToken ct)
    {
        var migrations = Load(assembly, database.Dialect.Name);
        return await database.SystemReadAsync(
            async session =>
            {
                await RefuseUnfinishedCopyAsync(session);
                return await session.ScalarAsync(session.Dialect.TableExists, new { table = "schema_migrations" }) is null
                    ? migrations.Count
                    : migrations.Count - await CountAppliedAsync(session, migrations, mayBeExpanded: false);
            },
            ct);
    }

    /// <summary>Marks the database as one that a copy is written to: until all of it is there, nothing starts on it.</summary>
    /// <exception cref="StartupException">Another copy is written to it, or was interrupted.</exception>
    public static Task<int> BeginCopyAsync(this Database database, TimeProvider time, CancellationToken ct) => database.MigrateAsync(
        async session =>
        {
            await RefuseUnfinishedCopyAsync(session);
            await session.ExecuteAsync("CREATE TABLE unfinished_copy (since BIGINT NOT NULL)", new { });
            await session.ExecuteAsync("INSERT INTO unfinished_copy (since) VALUES (@now)", new { now = time.Now() });
            return 0;
        },
        ct);

    /// <summary>The copy is there, and as it should be.</summary>
    public static Task<int> EndCopyAsync(this Database database, CancellationToken ct) =>
        database.MigrateAsync(session => session.ExecuteAsync("DROP TABLE unfinished_copy", new { }), ct);

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

    private static async Task<int> ApplyAsync(
        Session session, IReadOnlyList<Migration> migrations, int upTo, DateTimeOffset now, Action<string> begin)
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

        var count = await CountAppliedAsync(session, migrations, mayBeExpanded: true);
        if (count > upTo)
        {
            throw new StartupException($"The database is at migration {count:D4}, and this needs one that is at {upTo:D4} or before.");
        }

        foreach (var migration in migrations.Take(upTo).Skip(count))
        {
            begin($" with migration {migration.Number:D4}_{migration.Name}");
            foreach (var statement in Statements(migration.Sql))
            {
#if FAULT_STORAGE
                Sqlite.SeededFault.MayDieInMigration();
#endif
                await session.ExecuteAsync(statement, new { });
            }

            await session.ExecuteAsync(
                "INSERT INTO schema_migrations (number, name, checksum, applied_at) VALUES (@Number, @Name, @Checksum, @now)",
                new { migration.Number, migration.Name, migration.Checksum, now });
        }

        return upTo - count;
    }

    private static async Task RefuseUnfinishedCopyAsync(Session session)
    {
        if (await session.ScalarAsync(session.Dialect.TableExists, new { table = "unfinished_copy" }) is not null)
        {
            throw new StartupException("The database holds a part of a copy that is being written or was interrupted. Drop it, make it anew and run memoir copy or memoir restore again.");
        }
    }

    /// <summary>How many of the program's files are applied.</summary>
    private static async Task<int> CountAppliedAsync(Session session, IReadOnlyList<Migration> migrations, bool mayBeExpanded)
    {
        var applied = await session.QueryAsync<AppliedMigration>(
            "SELECT number, name, checksum FROM schema_migrations ORDER BY number", new { });
        foreach (var old in applied)
        {
            if (old.Number > migrations.Count)
            {
                if (mayBeExpanded && old.Name.StartsWith(Expansion, StringComparison.Ordinal))
                {
                    continue;
                }

                throw new StartupException($"The database is at migration {old.Number:D4}, newer than this program knows ({migrations.Count:D4}). Start the newer version.");
            }

            if (migrations[(int)old.Number - 1].Checksum != old.Checksum)
            {
                throw new StartupException($"Migration {old.Number:D4}_{old.Name} was changed after it was applied to this database.");
            }
        }

        return Math.Min(applied.Count, migrations.Count);
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
