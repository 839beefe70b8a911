using System.Diagnostics.Metrics;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;

namespace Memoir.Kit.Telemetry;

/// <summary>Listens to the product's meter and prints it as Prometheus text 0.0.4: an instrument's name is the metric's name.</summary>
public sealed class PrometheusText : IDisposable
{
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    private readonly MeterListener _listener = new();
    private readonly SemaphoreSlim _oneScrape = new(1, 1);
    private readonly List<SeriesTable> _tables = [];

    public PrometheusText(Meters meters)
        : this(meters.Meter) => meters.Prime();

    internal PrometheusText(Meter meter)
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (ReferenceEquals(instrument.Meter, meter))
            {
                listener.EnableMeasurementEvents(instrument, Register(instrument));
            }
        };
        _listener.SetMeasurementEventCallback<long>(OnLong);
        _listener.SetMeasurementEventCallback<double>(OnDouble);
        _listener.Start();
    }

    public async Task<string> ScrapeAsync(CancellationToken ct)
    {
        await _oneScrape.WaitAsync(ct);
        try
        {
            SeriesTable[] tables;
            lock (_tables)
            {
                tables = [.. _tables.OrderBy(table => table.Name, StringComparer.Ordinal)];
            }

            foreach (var table in tables)
            {
                table.ForgetObserved();
            }

            _listener.RecordObservableInstruments();
            return Print(tables);
        }
        finally
        {
            _oneScrape.Release();
        }
    }

    public void Dispose()
    {
        _listener.Dispose();
        _oneScrape.Dispose();
    }

    private static void OnLong(Instrument instrument, long value, ReadOnlySpan<KeyValuePair<string, object?>> tags, object? state)
    {
        var table = Unsafe.As<SeriesTable>(state!);
        var series = table.Find(tags);
        if (table.Observed)
        {
            series.Set(value);
        }
        else
        {
            series.Add(value);
        }
    }

    private static void OnDouble(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags, object? state)
    {
        var table = Unsafe.As<SeriesTable>(state!);
        var series = table.Find(tags);
        if (table.Bounds.Length > 0)
        {
            series.Record(value);
        }
        else if (table.Observed)
        {
            series.Set(value);
        }
        else
        {
            series.Add(value);
        }
    }

    private static string Print(SeriesTable[] tables)
    {
        var text = new StringBuilder(32 * 1024);
        foreach (var table in tables)
        {
            if (table.Help.Length > 0)
            {
                text.Append("# HELP ").Append(table.Name).Append(' ')
                    .Append(table.Help.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal))
                    .Append('\n');
            }

            text.Append("# TYPE ").Append(table.Name).Append(' ').Append(table.Type).Append('\n');
            foreach (var series in table.Snapshot().OrderBy(series => series.Labels, StringComparer.Ordinal))
            {
                PrintSeries(text, table, series);
            }
        }

        return text.ToString();
    }

    private static void PrintSeries(StringBuilder text, SeriesTable table, SeriesTable.Series series)
    {
        if (table.Bounds.Length == 0)
        {
            Line(text, table.Name, "", series.Labels, series.Value);
            return;
        }

        // The count is the sum of the buckets just printed, so that the two agree while others go on recording.
        var separator = series.Labels.Length > 0 ? "," : "";
        var sum = series.Sum;
        long count = 0;
        for (var i = 0; i <= table.Bounds.Length; i++)
        {
            count += series.Bucket(i);
            var bound = i < table.Bounds.Length ? Number(table.Bounds[i]) : "+Inf";
            Line(text, table.Name, "_bucket", $"{series.Labels}{separator}le=\"{bound}\"", count);
        }

        Line(text, table.Name, "_sum", series.Labels, sum);
        Line(text, table.Name, "_count", series.Labels, count);
    }

    private static void Line(StringBuilder text, string name, string suffix, string labels, double value)
    {
        text.Append(name).Append(suffix);
        if (labels.Length > 0)
        {
            text.Append('{').Append(labels).Append('}');
        }

        text.Append(' ').Append(Number(value)).Append('\n');
    }

    private static string Number(double value) => value switch
    {
        double.PositiveInfinity => "+Inf",
        double.NegativeInfinity => "-Inf",
        _ => value.ToString("R", CultureInfo.InvariantCulture),
    };

    private SeriesTable Register(Instrument instrument)
    {
        var table = new SeriesTable(instrument);
        if (table.Type == "histogram" && table.Bounds.Length == 0)
        {
            throw new InvalidOperationException($"The histogram {instrument.Name} must be of doubles and state its buckets.");
        }

        lock (_tables)
        {
            _tables.Add(table);
        }

        return table;
    }
}
