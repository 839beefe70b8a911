using System.Globalization;

namespace Memoir.Faults.Common;

/// <summary>The clock of a server under test, set while it runs: by libfaketime for the whole process, where it is installed.</summary>
internal sealed class ServerClock
{
    private readonly string _file;
    private readonly string? _library;

    /// <param name="folder">Where the clock's file is kept.</param>
    /// <param name="insteadOfLibrary">The variable that tells the server of that file where there is no libfaketime.</param>
    public ServerClock(string folder, string insteadOfLibrary)
    {
        _file = Path.Combine(folder, "clock");
        _library = Directory.Exists("/usr/lib")
            ? Directory.EnumerateFiles("/usr/lib", "libfaketimeMT.so.1", new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 3 }).FirstOrDefault()
            : null;
        Shift(0);
        Settings = _library is null
            ? new Dictionary<string, string> { [insteadOfLibrary] = _file }
            : new Dictionary<string, string>
            {
                ["LD_PRELOAD"] = _library,
                ["FAKETIME_TIMESTAMP_FILE"] = _file,
                ["FAKETIME_CACHE_DURATION"] = "1", // Seconds until a new offset is seen; to look at every call would cost most of the machine.
                ["FAKETIME_DONT_FAKE_MONOTONIC"] = "1", // Timers and waits go on as they would on a machine whose clock is set.
                ["DONT_FAKE_MONOTONIC"] = "1",
                ["FAKETIME_DISABLE_SHM"] = "1", // A killed process could not tidy it up.
            };
    }

    public IReadOnlyDictionary<string, string> Settings { get; }

    public string Means => _library is null ? "a TimeProvider of the test" : "libfaketime";

    /// <summary>So many seconds away from the machine's own clock.</summary>
    public void Shift(int seconds)
    {
        var next = _file + ".next";
        File.WriteAllText(next, seconds.ToString("+0;-0;+0", CultureInfo.InvariantCulture) + "\n");
        File.Move(next, _file, overwrite: true); // Never half a line.
    }
}
