using System.Reflection;
using System.Runtime.InteropServices;
using SQLitePCL;

namespace Memoir.Bench.Limits;

/// <summary>Points the managed SQLite binding at the system's own library; the bundled one answers where there is none.</summary>
internal static class NativeSqlite
{
    private static bool _resolved;

    public static void Use()
    {
        if (!_resolved)
        {
            _resolved = true;
            NativeLibrary.SetDllImportResolver(typeof(SQLite3Provider_e_sqlite3).Assembly, Resolve);
            Batteries_V2.Init();
        }
    }

    private static IntPtr Resolve(string name, Assembly assembly, DllImportSearchPath? searchPath) =>
        name == "e_sqlite3" && NativeLibrary.TryLoad("libsqlite3.so.0", out var library) ? library : IntPtr.Zero;
}
