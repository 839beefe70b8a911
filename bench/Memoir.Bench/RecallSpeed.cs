using System.Diagnostics;
using System.Globalization;
using Memoir.Bench.Limits;
using Memoir.Server.Recall;
using Memoir.Server.Recall.Index;
using Memoir.Server.Recall.Search;
using Memoir.Server.Recall.Segments;

namespace Memoir.Bench;

/// <summary>Build, encode, decode and search times of one large tenant with a Zipf vocabulary.</summary>
internal static class RecallSpeed
{
    private const int Vocabulary = 20_000;
    private const int Conversations = 500;
    private const int Searches = 1_000;
    private const int Rounds = 6;

    public static int Run(string[] args)
    {
        var count = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 100_000;
        var zipf = new Zipf(new Random(1));
        var start = new DateTimeOffset(2025, 1, 1, 0, 0, 0, TimeSpan.Zero);
        var memories = Enumerable.Range(0, count).Select(i => new IndexedMemory(
            i, $"conversation-{zipf.Random.Next(Conversations)}", zipf.Text(zipf.Random.Next(8, 41)), start.AddSeconds(i * 60))
        {
            UserId = $"user-{i % 50}",
            Name = $"Speaker{i % 2}",
        }).ToList();

        Analyzer.Analyse(memories[0]);
        var analysed = new List<AnalysedMemory>(count);
        for (var i = 0; i < 3; i++)
        {
            analysed.Clear();
            Time("analyse", count, () => analysed.AddRange(memories.Select(Analyzer.Analyse)));
        }

        var before = GC.GetTotalMemory(true);
        var index = new TenantIndex();
        Time("put", count, () => analysed.ForEach(index.Put));
        Console.WriteLine($"  heap {(GC.GetTotalMemory(true) - before) / 1e6:0.0} MB, estimated {index.EstimatedBytes / 1e6:0.0} MB");
        byte[] segment = [];
        Time("encode", count, () => segment = IndexSegment.Encode(index));
        Console.WriteLine($"  segment {segment.Length / 1e6:0.0} MB");
        for (var i = 0; i < 3; i++)
        {
            index = new TenantIndex();
            Time("load", count, () => index.Load(segment));
        }

        var parts = analysed.Chunk(count / 20).Select(IndexSegment.Encode).ToArray();
        for (var i = 0; i < 3; i++)
        {
            index = new TenantIndex();
            Time($"load {parts.Length} segments", count, () => index.Load(parts));
        }

        if (args.Length > 1)
        {
            Keep(Path.Combine(args[1], "one"), [segment]);
            Keep(Path.Combine(args[1], "many"), parts);
        }

        Console.WriteLine($"  loaded: estimated {index.EstimatedBytes / 1e6:0.0} MB");
        var everywhere = new RecallScope(start.AddYears(1));
        Search("whole tenant", index, zipf, everywhere);
        Search("one user of 50", index, zipf, everywhere with { UserId = "user-7" });
        Search("one conversation", index, zipf, everywhere with { ConversationId = "conversation-7" });
        Search("last tenth by time", index, zipf, everywhere with { Since = start.AddSeconds(count * 54L) });
        return 0;
    }

    private static void Keep(string folder, byte[][] segments)
    {
        Directory.CreateDirectory(folder);
        for (var i = 0; i < segments.Length; i++)
        {
            File.WriteAllBytes(Path.Combine(folder, $"{i:00}.segment"), segments[i]);
        }
    }

    private static void Search(string label, TenantIndex index, Zipf zipf, RecallScope scope)
    {
        var queries = Enumerable.Range(0, Searches).Select(_ => zipf.Text(zipf.Random.Next(3, 7))).ToList();
        var request = new RecallRequest(scope, 10);
        // The best of some rounds per question: what a question costs, not what else the machine was doing.
        var times = Enumerable.Repeat(double.MaxValue, Searches).ToArray();
        var allocated = 0L;
        for (var round = 0; round < Rounds; round++)
        {
            allocated = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < Searches; i++)
            {
                var from = ThreadClock.Now;
                RecallEngine.Search(index, RecallQuery.Parse(queries[i]), request);
                times[i] = Math.Min(times[i], (ThreadClock.Now - from).TotalMilliseconds);
            }

            allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
        }

        Array.Sort(times);
        Console.WriteLine($"search {label}: mean {times.Average():0.000} ms, p50 {times[Searches / 2]:0.000}, p95 {times[Searches * 95 / 100]:0.000}, "
            + $"p99 {times[Searches * 99 / 100]:0.000}; {allocated / Searches} bytes each");
    }

    private static void Time(string what, int count, Action act)
    {
        var from = Stopwatch.GetTimestamp();
        var cpu = Environment.CpuUsage.TotalTime;
        act();
        cpu = Environment.CpuUsage.TotalTime - cpu;
        var elapsed = Stopwatch.GetElapsedTime(from);
        Console.WriteLine($"{what}: {elapsed.TotalMilliseconds:0} ms (processor {cpu.TotalMilliseconds:0} ms, {cpu.TotalMicroseconds / count:0.00} µs each)");
    }

    /// <summary>Words drawn by rank with probability 1/rank, spelt so that no two share a stem.</summary>
    private sealed class Zipf
    {
        private readonly double[] _cumulative = new double[Vocabulary];
        private readonly string[] _words = new string[Vocabulary];

        public Zipf(Random random)
        {
            Random = random;
            var sum = 0.0;
            for (var i = 0; i < Vocabulary; i++)
            {
                sum += 1.0 / (i + 1);
                _cumulative[i] = sum;
                _words[i] = Spell(i);
            }
        }

        public Random Random { get; }

        public string Text(int words) => string.Join(' ', Enumerable.Range(0, words).Select(_ => Word()));

        private string Word()
        {
            var at = Array.BinarySearch(_cumulative, Random.NextDouble() * _cumulative[^1]);
            return _words[Math.Min(Vocabulary - 1, at < 0 ? ~at : at)];
        }

        private static string Spell(int number)
        {
            const string consonants = "bcdfghjklmnprtvz";
            const string vowels = "aiou";
            var word = "";
            for (var i = 0; i < 3; i++, number /= 64)
            {
                word += $"{consonants[number % 16]}{vowels[number / 16 % 4]}";
            }

            return word + "k";
        }
    }
}
