using Memoir.Kit.Data.Sqlite;
using Microsoft.Data.Sqlite;

namespace Memoir.Faults.Common;

/// <summary>A copy of a server's folder, so that its databases can be read while its own files stay as they are.</summary>
internal sealed class DatabaseCopy : IDisposable
{
    private readonly DirectoryInfo _copy = Directory.CreateTempSubdirectory("memoir-copy-");

    /// <remarks>The server must stand still or be gone, else the copy is of no moment at all.</remarks>
    public DatabaseCopy(string dataFolder)
    {
        SqliteLibrary.Load();
        foreach (var file in Directory.EnumerateFiles(dataFolder, "*", SearchOption.TopDirectoryOnly))
        {
            File.Copy(file, Path.Combine(_copy.FullName, Path.GetFileName(file)));
        }
    }

    public IReadOnlyList<string> Databases => [.. Directory.EnumerateFiles(_copy.FullName).Where(IsDatabase)];

    /// <summary>The first column of the first row.</summary>
    public static object? Ask(string database, string sql)
    {
        using var connection = new SqliteConnection($"Data Source={database};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar();
    }

    public void Dispose() => _copy.Delete(recursive: true);

    private static bool IsDatabase(string file)
    {
        using var stream = File.OpenRead(file);
        Span<byte> head = stackalloc byte[15];
        return stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false) == head.Length
            && head.SequenceEqual("SQLite format 3"u8);
    }
}
