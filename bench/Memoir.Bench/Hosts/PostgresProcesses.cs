using System.Globalization;

namespace Memoir.Bench.Hosts;

/// <summary>What PostgreSQL's own processes cost, all of them together; nothing where they are not on this machine, or not to be read.</summary>
internal sealed class PostgresProcesses
{
    private const double TicksPerSecond = 100;

    private readonly int? _root;

    /// <param name="backend">The process that serves one connection.</param>
    public PostgresProcesses(int backend)
    {
        var name = $"/proc/{backend}/comm";
        _root = File.Exists(name) && File.ReadAllText(name).StartsWith("postgres", StringComparison.Ordinal) ? (int)Fields(backend)[1] : null;
    }

    /// <summary>Clock ticks in user and in kernel mode, of ended processes too.</summary>
    public long Ticks
    {
        get
        {
            if (_root is not { } root)
            {
                return 0;
            }

            var own = Fields(root);
            return own[11] + own[12] + own[13] + own[14] + Children(root).Select(Fields).Where(f => f.Length > 14).Sum(f => f[11] + f[12]);
        }
    }

    public double? CpuSeconds => _root is null ? null : Ticks / TicksPerSecond;

    /// <summary>The sum of their shares of memory: what several have in common is counted once.</summary>
    public long? ResidentBytes => _root is { } root && Share(root) is { } own ? own + Children(root).Sum(child => Share(child) ?? 0) : null;

    private static IEnumerable<int> Children(int root) =>
        from folder in Directory.EnumerateDirectories("/proc")
        let id = int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0
        where id > 0 && Fields(id) is [_, var parent, ..] && parent == root
        select id;

    /// <summary>The numbers of a process's line, from its state on; none when it has ended.</summary>
    private static long[] Fields(int process)
    {
        try
        {
            var line = File.ReadAllText($"/proc/{process}/stat");
            return [.. line[(line.LastIndexOf(')') + 2)..].Split(' ').Select(text =>
                long.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out var number) ? number : 0)];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private static long? Share(int process)
    {
        try
        {
            var line = File.ReadLines($"/proc/{process}/smaps_rollup").FirstOrDefault(line => line.StartsWith("Pss:", StringComparison.Ordinal));
            return line is null ? null : long.Parse(line[4..^2].Trim(), CultureInfo.InvariantCulture) * 1024;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
