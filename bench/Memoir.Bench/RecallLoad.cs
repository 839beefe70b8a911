using Memoir.Server.Recall.Index;

namespace Memoir.Bench;

/// <summary>Loads kept segments as a server does that has just started: the first load compiles what it runs.</summary>
internal static class RecallLoad
{
    private const int Rounds = 8;

    public static int Run(string folder)
    {
        var segments = Directory.GetFiles(folder, "*.segment").Order().Select(File.ReadAllBytes).ToArray();
        var times = new List<double>();
        var index = new TenantIndex();
        for (var round = 0; round < Rounds; round++)
        {
            index = new TenantIndex();
            var before = Environment.CpuUsage.TotalTime;
            var compiling = System.Runtime.JitInfo.GetCompilationTime();
            var collections = GC.CollectionCount(0);
            index.Load(segments);
            if (round == 0)
            {
                Console.WriteLine($"  of the first: {(System.Runtime.JitInfo.GetCompilationTime() - compiling).TotalMilliseconds:0} ms compiling, "
                    + $"{GC.CollectionCount(0) - collections} collections");
            }

            times.Add((Environment.CpuUsage.TotalTime - before).TotalMilliseconds);
        }

        segments = [];
        GC.Collect();
        Console.WriteLine($"{index.LiveCount} memories: first load {times[0]:0} ms of processor time, later ones {times.Skip(1).Min():0} ms at best; "
            + $"index {index.EstimatedBytes / 1e6:0.0} MB, heap {GC.GetTotalMemory(true) / 1e6:0.0} MB");
        GC.KeepAlive(index);
        return 0;
    }
}
