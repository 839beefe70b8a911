using System.Diagnostics.Metrics;
using Memoir.Kit.Telemetry;

namespace Memoir.Tests.Kit.Telemetry;

/// <summary>What /metrics prints: exact names, escaped labels, histograms that add up.</summary>
public sealed class PrometheusTextTests : IDisposable
{
    private readonly Meter _meter = new("golden");
    private readonly PrometheusText _text;

    public PrometheusTextTests() => _text = new PrometheusText(_meter);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _text.Dispose();
        _meter.Dispose();
    }

    [Fact]
    public async Task Every_kind_of_instrument_is_printed_under_its_own_name()
    {
        var counter = _meter.CreateCounter<long>("b_total", description: "Things\ndone.");
        counter.Add(2, new KeyValuePair<string, object?>("kind", "y"));
        counter.Add(1, new KeyValuePair<string, object?>("kind", "x"));
        counter.Add(3, new KeyValuePair<string, object?>("kind", "y"));
        _meter.CreateUpDownCounter<long>("in_flight").Add(-1);
        _meter.CreateObservableGauge("a_bytes", () => 7.5, "By");
        var histogram = _meter.CreateHistogram("c_seconds", "s", null, null, new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.1, 1] });
        histogram.Record(0.1);
        histogram.Record(0.5);
        histogram.Record(2);
        histogram.Record(double.NaN);

        var text = await _text.ScrapeAsync(Ct);

        Assert.Equal(
            """
            # TYPE a_bytes gauge
            a_bytes 7.5
            # HELP b_total Things\ndone.
            # TYPE b_total counter
            b_total{kind="x"} 1
            b_total{kind="y"} 5
            # TYPE c_seconds histogram
            c_seconds_bucket{le="0.1"} 1
            c_seconds_bucket{le="1"} 2
            c_seconds_bucket{le="+Inf"} 3
            c_seconds_sum 2.6
            c_seconds_count 3
            # TYPE in_flight gauge
            in_flight -1

            """,
            text);
    }

    [Fact]
    public async Task Backslash_quote_and_line_feed_are_escaped_in_labels()
    {
        _meter.CreateCounter<long>("n_total").Add(1, new KeyValuePair<string, object?>("label", "a\\b\"c\nd"));

        Assert.Contains("""n_total{label="a\\b\"c\nd"} 1""", await _text.ScrapeAsync(Ct), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Equal_labels_in_different_string_objects_are_one_series()
    {
        var counter = _meter.CreateCounter<long>("n_total");

        counter.Add(1, new KeyValuePair<string, object?>("k", new string('v', 3)));
        counter.Add(1, new KeyValuePair<string, object?>("k", new string('v', 3)));

        Assert.Contains("""n_total{k="vvv"} 2""", await _text.ScrapeAsync(Ct), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_label_that_never_repeats_cannot_fill_the_memory()
    {
        var counter = _meter.CreateCounter<long>("n_total");
        for (var i = 0; i < 10_000; i++)
        {
            counter.Add(1, new KeyValuePair<string, object?>("k", $"{i}"));
        }

        var text = await _text.ScrapeAsync(Ct);

        Assert.InRange(text.Split('\n').Length, 4_000, 4_200);
        Assert.Contains("""n_total{overflow="true"} 5904""", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_observed_value_that_is_no_longer_reported_disappears()
    {
        Measurement<long>[] reported = [new(1, new KeyValuePair<string, object?>("k", "a"))];
        _meter.CreateObservableGauge("g", () => reported);
        Assert.Contains("g{k=\"a\"} 1", await _text.ScrapeAsync(Ct), StringComparison.Ordinal);

        reported = [];

        Assert.DoesNotContain("g{", await _text.ScrapeAsync(Ct), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Concurrent_recordings_are_all_counted()
    {
        var counter = _meter.CreateCounter<long>("n_total");
        var histogram = _meter.CreateHistogram("h", null, null, null, new InstrumentAdvice<double> { HistogramBucketBoundaries = [1] });
        string[] labels = [.. Enumerable.Range(0, 200).Select(i => $"v{i}")];

        Parallel.For(0, 40_000, i =>
        {
            counter.Add(1, new KeyValuePair<string, object?>("k", labels[i % 200]));
            histogram.Record(0.5);
        });

        var text = await _text.ScrapeAsync(Ct);
        Assert.Equal(200, text.Split('\n').Count(line => line.StartsWith("n_total{", StringComparison.Ordinal) && line.EndsWith(" 200", StringComparison.Ordinal)));
        Assert.Contains("h_sum 20000\nh_count 40000\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_histogram_without_buckets_is_refused()
    {
        Assert.Throws<InvalidOperationException>(() => _meter.CreateHistogram<double>("h"));
    }
}
