using System.Globalization;

namespace Memoir.Kit.Hosting;

/// <summary>
/// Keeps callers from taking the last file handle. The runtime needs one to start a thread, and a process that cannot start
/// a thread of its pool ends with "Out of memory.": whoever may connect could end it.
/// </summary>
internal static class FileHandles
{
    // About 400 belong to the program's libraries once all are loaded, the rest to the database, its readers and providers.
    private const int Reserve = 768;

    private const string Limits = "/proc/self/limits";

    /// <returns>How many connections may be open at a time, or null where the system tells no limit.</returns>
    public static long? ConnectionLimit() =>
        File.Exists(Limits) ? ConnectionLimit(File.ReadLines(Limits)) : null;

    /// <summary>What the limit leaves beside the reserve; half of it where it is so small that it should be raised.</summary>
    internal static long? ConnectionLimit(IEnumerable<string> limits)
    {
        const string Row = "Max open files";
        var soft = limits.FirstOrDefault(line => line.StartsWith(Row, StringComparison.Ordinal))?[Row.Length..]
            .Split(' ', StringSplitOptions.RemoveEmptyEntries).FirstOrDefault();
        return long.TryParse(soft, NumberStyles.None, CultureInfo.InvariantCulture, out var handles)
            ? Math.Max(handles - Reserve, handles / 2)
            : null;
    }
}
