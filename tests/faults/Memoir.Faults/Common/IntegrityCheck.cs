using Memoir.Kit.Data.Sqlite;
using Microsoft.Data.Sqlite;

namespace Memoir.Faults.Kill9;

/// <summary>Asks SQLite itself whether the database is sound, on a copy, so that the server's files stay as they are.</summary>
internal static class IntegrityCheck
{
    public static void OfCopy(string dataFolder, string when, Ledger ledger)
    {
        SqliteLibrary.Load();
        var copy = Directory.CreateTempSubdirectory("memoir-integrity-");
        try
        {
            var checkedFiles = 0;
            foreach (var file in Directory.EnumerateFiles(dataFolder, "*", SearchOption.TopDirectoryOnly))
            {
                File.Copy(file, Path.Combine(copy.FullName, Path.GetFileName(file)));
            }

            foreach (var file in Directory.EnumerateFiles(copy.FullName).Where(IsDatabase).ToList())
            {
                checkedFiles++;
                Check(file, when, ledger);
            }

            if (checkedFiles == 0)
            {
                ledger.Report("lost", dataFolder, $"holds no database {when}");
            }
        }
        finally
        {
            copy.Delete(recursive: true);
        }
    }

    private static void Check(string file, string when, Ledger ledger)
    {
        using var connection = new SqliteConnection($"Data Source={file};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "PRAGMA integrity_check";
        var verdict = (string?)command.ExecuteScalar();
        if (verdict != "ok")
        {
            ledger.Report("torn", Path.GetFileName(file), $"integrity_check {when}: {verdict}");
        }
    }

    private static bool IsDatabase(string file)
    {
        using var stream = File.OpenRead(file);
        Span<byte> head = stackalloc byte[15];
        return stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false) == head.Length
            && head.SequenceEqual("SQLite format 3"u8);
    }
}
