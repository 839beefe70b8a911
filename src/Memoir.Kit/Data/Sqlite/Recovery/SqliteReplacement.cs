using System.Globalization;
using System.Text;
using Memoir.Kit.Files;

namespace Memoir.Kit.Data.Sqlite.Recovery;

/// <summary>
/// Puts a database that is made beside it in the place of a database file. It holds the file's lock all the while, so that
/// no server starts on something half done.
/// </summary>
public sealed class SqliteReplacement : IDisposable
{
    private static readonly string[] Parts = ["", "-wal", "-shm"];

    private readonly SqliteFile _file;

    private SqliteReplacement(SqliteFile file) => _file = file;

    public string Path => _file.Path;

    /// <summary>Where the new database is made; what an earlier attempt left there is removed.</summary>
    public string Temporary => Path + ".restoring";

    /// <summary>The name of what was set aside by a recovery that did not end; null where there was none.</summary>
    public string? Interrupted => IsInterrupted(Path) ? File.ReadAllText(MarkOf(Path)) : null;

    /// <exception cref="StartupException">Another process holds the file.</exception>
    public static SqliteReplacement Open(string path)
    {
        SqliteLibrary.Load();
        var replacement = new SqliteReplacement(SqliteFile.Hold(path));
        try
        {
            replacement.RemoveTemporary();
            return replacement;
        }
        catch
        {
            replacement.Dispose();
            throw;
        }
    }

    /// <inheritdoc cref="SqliteFile.FindDamage"/>
    public string? FindDamage() => _file.FindDamage();

    /// <inheritdoc cref="SqliteFile.FindRows"/>
    public string? FindRows(IReadOnlyCollection<string> except) => _file.FindRows(except);

    /// <summary>
    /// Sets the file and its log aside under another name, where nothing overwrites or deletes them. Until the new one is
    /// in place nothing starts.
    /// </summary>
    /// <returns>The new name; null when there was no file.</returns>
    public async Task<string?> SetAsideAsync(DateTimeOffset now, CancellationToken ct)
    {
        var aside = Interrupted;
        if (aside is null)
        {
            if (!File.Exists(Path) && !File.Exists(Path + "-wal"))
            {
                return null;
            }

            aside = FreeName($"{Path}.damaged-{now.UtcDateTime.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture)}");
            await DurableFiles.WriteAtomicallyAsync(MarkOf(Path), Encoding.UTF8.GetBytes(aside), DurableFiles.Private, ct);
        }

        foreach (var part in Parts)
        {
            if (File.Exists(Path + part))
            {
                File.Move(Path + part, aside + part, overwrite: false);
            }
        }

        DurableFiles.SyncDirectory(System.IO.Path.GetDirectoryName(Path)!);
        return aside;
    }

    /// <summary>The new database takes the name; it must be closed.</summary>
    public void Commit()
    {
        if (new FileInfo(Temporary + "-wal") is { Exists: true, Length: > 0 })
        {
            throw new IOException($"{Temporary} was not closed properly; its log is still there.");
        }

        // The log of an empty database would be taken for the new one's.
        File.Delete(Path + "-wal");
        File.Delete(Path + "-shm");
        DurableFiles.Replace(Temporary, Path);
        if (IsInterrupted(Path))
        {
            File.Delete(MarkOf(Path));
            DurableFiles.SyncDirectory(System.IO.Path.GetDirectoryName(Path)!);
        }

        RemoveTemporary();
    }

    public void RemoveTemporary()
    {
        foreach (var part in (string[])[.. Parts, "-journal", ".lock"])
        {
            File.Delete(Temporary + part);
        }
    }

    public void Dispose() => _file.Dispose();

    public static bool IsInterrupted(string path) => File.Exists(MarkOf(path));

    private static string MarkOf(string path) => path + ".recovering";

    private static string FreeName(string name)
    {
        var free = name;
        for (var i = 2; Array.Exists(Parts, part => File.Exists(free + part)); i++)
        {
            free = string.Create(CultureInfo.InvariantCulture, $"{name}-{i}");
        }

        return free;
    }
}
