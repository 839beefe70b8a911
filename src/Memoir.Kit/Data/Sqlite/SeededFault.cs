#if FAULT_STORAGE
namespace Memoir.Kit.Data.Sqlite;

/// <summary>The promise that this process breaks on purpose; part of no build but that of the fault tests.</summary>
internal static class SeededFault
{
    private static int _statements;

    public static bool Is(string name) => Environment.GetEnvironmentVariable("MEMOIR_SEEDED_FAULT") == name;

    /// <summary>kill -9 at the statement of a migration whose number MEMOIR_SEEDED_STATEMENT gives, before it is carried out.</summary>
    public static void MayDieInMigration()
    {
        if (Is("DieInMigration") && Environment.GetEnvironmentVariable("MEMOIR_SEEDED_STATEMENT") == $"{++_statements}")
        {
            using var self = System.Diagnostics.Process.GetCurrentProcess();
            self.Kill();
            Thread.Sleep(Timeout.Infinite);
        }
    }
}
#endif
