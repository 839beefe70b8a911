namespace Memoir.Faults.Common;

/// <summary>Asks SQLite itself whether the database is sound.</summary>
internal static class IntegrityCheck
{
    public static void OfCopy(string dataFolder, string when, Ledger ledger)
    {
        using var copy = new DatabaseCopy(dataFolder);
        var databases = copy.Databases;
        foreach (var file in databases)
        {
            if (DatabaseCopy.Ask(file, "PRAGMA integrity_check") is var verdict and not "ok")
            {
                ledger.Report("torn", Path.GetFileName(file), $"integrity_check {when}: {verdict}");
            }
        }

        if (databases.Count == 0)
        {
            ledger.Report("lost", dataFolder, $"holds no database {when}");
        }
    }
}
