using System.Diagnostics.Metrics;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;

namespace Memoir.Kit.Telemetry;

/// <summary>All series of one instrument, found by the identity of the label values first and by their text second.</summary>
internal sealed class SeriesTable
{
    // Labels come from closed lists; a mistake that breaks this must cost one wrong line, not the memory.
    private const int MaxSeries = 4096;
    private const int Probes = 8;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Series> _byLabels = new(StringComparer.Ordinal);
    private Series?[] _byIdentity = new Series?[64];
    private int _aliases;

    public SeriesTable(Instrument instrument)
    {
        Name = instrument.Name;
        Help = instrument.Description ?? "";
        var kind = instrument.GetType().GetGenericTypeDefinition();
        Type = kind == typeof(Histogram<>) ? "histogram"
            : kind == typeof(Counter<>) || kind == typeof(ObservableCounter<>) ? "counter"
            : "gauge";
        Observed = instrument.IsObservable || kind == typeof(Gauge<>);
        Bounds = instrument is Histogram<double> histogram ? [.. histogram.Advice?.HistogramBucketBoundaries ?? []] : [];
    }

    public string Name { get; }

    public string Help { get; }

    public string Type { get; }

    /// <summary>True when a measurement replaces the value instead of adding to it.</summary>
    public bool Observed { get; }

    public double[] Bounds { get; }

    public Series[] Snapshot()
    {
        lock (_gate)
        {
            return [.. _byLabels.Values.Where(series => series.Reported)];
        }
    }

    public void ForgetObserved()
    {
        if (!Observed)
        {
            return;
        }

        lock (_gate)
        {
            foreach (var series in _byLabels.Values)
            {
                series.Reported = false;
            }
        }
    }

    public Series Find(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var hash = Hash(tags);
        var table = Volatile.Read(ref _byIdentity);
        for (var probe = 0; probe < Probes; probe++)
        {
            var series = Volatile.Read(ref table[(hash + probe) & (table.Length - 1)]);
            if (series is null)
            {
                break;
            }

            if (SameObjects(series.Tags, tags))
            {
                return series;
            }
        }

        return FindByText(tags, hash);
    }

    /// <summary>The label set as Prometheus prints it: backslash, quote and line feed escaped.</summary>
    internal static string Render(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var text = new StringBuilder();
        foreach (var (name, value) in tags)
        {
            var escaped = (Convert.ToString(value, CultureInfo.InvariantCulture) ?? "")
                .Replace("\\", "\\\\", StringComparison.Ordinal)
                .Replace("\"", "\\\"", StringComparison.Ordinal)
                .Replace("\n", "\\n", StringComparison.Ordinal);
            text.Append(text.Length > 0 ? "," : "").Append(name).Append("=\"").Append(escaped).Append('"');
        }

        return text.ToString();
    }

    private static int Hash(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var hash = 0;
        foreach (ref readonly var tag in tags)
        {
            hash = (hash * 31) + RuntimeHelpers.GetHashCode(tag.Value);
        }

        return hash & int.MaxValue;
    }

    private static bool SameObjects(KeyValuePair<string, object?>[] known, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if (known.Length != tags.Length)
        {
            return false;
        }

        for (var i = 0; i < known.Length; i++)
        {
            if (!ReferenceEquals(known[i].Value, tags[i].Value) || !ReferenceEquals(known[i].Key, tags[i].Key))
            {
                return false;
            }
        }

        return true;
    }

    private Series FindByText(ReadOnlySpan<KeyValuePair<string, object?>> tags, int hash)
    {
        lock (_gate)
        {
            var labels = Render(tags);
            if (!_byLabels.TryGetValue(labels, out var series))
            {
                labels = _byLabels.Count < MaxSeries ? labels : "overflow=\"true\"";
                if (!_byLabels.TryGetValue(labels, out series))
                {
                    series = new Series(labels, tags.ToArray(), Bounds);
                    _byLabels.Add(labels, series);
                    AddIdentity(series, hash);
                }
            }

            return series;
        }
    }

    private void AddIdentity(Series series, int hash)
    {
        if (++_aliases > _byIdentity.Length / 2)
        {
            var larger = new Series?[_byIdentity.Length * 2];
            foreach (var known in _byIdentity)
            {
                Place(larger, known, known is null ? 0 : Hash(known.Tags));
            }

            Place(larger, series, hash);
            Volatile.Write(ref _byIdentity, larger);
            return;
        }

        Place(_byIdentity, series, hash);
    }

    private static void Place(Series?[] table, Series? series, int hash)
    {
        for (var probe = 0; series is not null && probe < Probes; probe++)
        {
            ref var slot = ref table[(hash + probe) & (table.Length - 1)];
            if (slot is null)
            {
                Volatile.Write(ref slot, series);
                return;
            }
        }
    }

    /// <summary>One line of an instrument (or one histogram): the running values for one set of labels.</summary>
    internal sealed class Series(string labels, KeyValuePair<string, object?>[] tags, double[] bounds)
    {
        private readonly long[] _buckets = bounds.Length == 0 ? [] : new long[bounds.Length + 1];
        private long _count;
        private double _sum;

        /// <summary>The labels as they are printed, without braces.</summary>
        public string Labels { get; } = labels;

        public KeyValuePair<string, object?>[] Tags { get; } = tags;

        /// <summary>False for an observed value that its source no longer reports.</summary>
        public bool Reported { get; set; } = true;

        public double Value => Volatile.Read(ref _count) + Volatile.Read(ref _sum);

        public double Sum => Volatile.Read(ref _sum);

        public void Add(long value) => Interlocked.Add(ref _count, value);

        public void Add(double value)
        {
            var seen = Volatile.Read(ref _sum);
            while (true)
            {
                var before = Interlocked.CompareExchange(ref _sum, seen + value, seen);
                if (before.Equals(seen))
                {
                    return;
                }

                seen = before;
            }
        }

        public void Set(double value)
        {
            Volatile.Write(ref _sum, value);
            Reported = true;
        }

        public void Record(double value)
        {
            // One NaN would make the sum NaN for ever.
            if (double.IsNaN(value))
            {
                return;
            }

            var bucket = 0;
            while (bucket < bounds.Length && value > bounds[bucket])
            {
                bucket++;
            }

            Interlocked.Increment(ref _buckets[bucket]);
            Add(value);
        }

        public long Bucket(int index) => Volatile.Read(ref _buckets[index]);
    }
}
