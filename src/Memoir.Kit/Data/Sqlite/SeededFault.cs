#if FAULT_STORAGE
namespace Memoir.Kit.Data.Sqlite;

/// <summary>The promise that this process breaks on purpose; part of no build but that of the fault tests.</summary>
internal static class SeededFault
{
    public static bool Is(string name) => Environment.GetEnvironmentVariable("MEMOIR_SEEDED_FAULT") == name;
}
#endif
