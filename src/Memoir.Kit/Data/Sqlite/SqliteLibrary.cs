using System.Reflection;
using System.Runtime.InteropServices;
using SQLitePCL;

namespace Memoir.Kit.Data.Sqlite;

/// <summary>Chooses the native SQLite: the system's (newer, patched by the distribution), else the bundled one.</summary>
public static class SqliteLibrary
{
    private static readonly string[] SystemNames = OperatingSystem.IsMacOS()
        ? ["/usr/lib/libsqlite3.dylib"]
        : OperatingSystem.IsWindows() ? ["winsqlite3.dll"] : ["libsqlite3.so.0"];

    private static readonly Version OldestSystem = new(3, 37);
    private static readonly Version WalResetFixed = new(3, 51, 3);
    private static readonly Lock Gate = new();
    private static bool _loaded;

    /// <summary>The library version that answers, for example 3.40.1.</summary>
    public static Version Version { get; private set; } = new(0, 0);

    /// <summary>True when no system library was found and the bundled one answers.</summary>
    public static bool IsBundled { get; private set; }

    /// <summary>Loads the library once per process. Safe to call again.</summary>
    public static void Load()
    {
        lock (Gate)
        {
            if (_loaded)
            {
                return;
            }

            IsBundled = true;
            NativeLibrary.SetDllImportResolver(typeof(SQLite3Provider_e_sqlite3).Assembly, Resolve);
            Batteries_V2.Init();
            Version = Version.Parse(raw.sqlite3_libversion().utf8_to_string());
            _loaded = true;
        }
    }

    /// <summary>What an operator should know about the library that answers; null when there is nothing to say.</summary>
    public static string? Warning()
    {
        if (IsBundled)
        {
            return $"No system SQLite was found, so the bundled {Version} answers. Install the package libsqlite3-0 to get your distribution's patched one.";
        }

        return Version < WalResetFixed
            ? $"SQLite {Version} has a rare corruption bug when several connections reset the write-ahead log; Memoir lets one connection do it. SQLite 3.51.3 or later is free of it."
            : null;
    }

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? path)
    {
        if (name != "e_sqlite3")
        {
            return 0;
        }

        foreach (var candidate in SystemNames)
        {
            if (NativeLibrary.TryLoad(candidate, out var handle))
            {
                if (VersionOf(handle) >= OldestSystem)
                {
                    IsBundled = false;
                    return handle;
                }

                NativeLibrary.Free(handle);
            }
        }

        return 0; // The ordinary probing finds the bundled library.
    }

    private static unsafe Version VersionOf(nint library)
    {
        if (!NativeLibrary.TryGetExport(library, "sqlite3_libversion_number", out var export))
        {
            return new Version(0, 0);
        }

        var number = ((delegate* unmanaged[Cdecl]<int>)export)();
        return new Version(number / 1_000_000, number / 1_000 % 1_000, number % 1_000);
    }
}
