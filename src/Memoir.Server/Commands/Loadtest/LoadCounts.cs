using System.Globalization;

namespace Memoir.Server.Commands.Loadtest;

/// <summary>What came of the requests of one kind. Each worker has its own, which are added up at the end.</summary>
internal sealed class LoadCounts
{
    private const int RateLimited = 429;
    private const int Overloaded = 503;
    private const string NoAnswer = "no answer";

    private readonly LatencyHistogram _latency = new();
    private readonly SortedDictionary<string, long> _errors = new(StringComparer.Ordinal);
    private long _limited;
    private long _overloaded;

    public bool Add(int? status, TimeSpan took)
    {
        if (status is >= 200 and < 300)
        {
            _latency.Record((long)(took.TotalMicroseconds * 1000));
            return true;
        }

        _limited += status is RateLimited ? 1 : 0;
        _overloaded += status is Overloaded ? 1 : 0;
        if (status is not (RateLimited or Overloaded))
        {
            var name = status?.ToString(CultureInfo.InvariantCulture) ?? NoAnswer;
            _errors[name] = _errors.GetValueOrDefault(name) + 1;
        }

        return false;
    }

    public void Add(LoadCounts other)
    {
        _latency.Add(other._latency);
        _limited += other._limited;
        _overloaded += other._overloaded;
        foreach (var (name, count) in other._errors)
        {
            _errors[name] = _errors.GetValueOrDefault(name) + count;
        }
    }

    public LoadRow Row(string name, TimeSpan took)
    {
        var failed = _errors.Values.Sum();
        var judged = _latency.Count + failed;
        double? Milliseconds(double share) => _latency.Count == 0 ? null : Math.Round(_latency.Milliseconds(share), 3);
        return new LoadRow
        {
            Operation = name,
            Requests = judged + _limited + _overloaded,
            Succeeded = _latency.Count,
            SuccessRate = judged == 0 ? null : Math.Round(100.0 * _latency.Count / judged, 3),
            P50Ms = Milliseconds(0.5),
            P95Ms = Milliseconds(0.95),
            P99Ms = Milliseconds(0.99),
            MaxMs = Milliseconds(1),
            PerSecond = took > TimeSpan.Zero ? Math.Round(_latency.Count / took.TotalSeconds, 1) : 0,
            RateLimited = _limited,
            Overloaded = _overloaded,
            Errors = _errors,
        };
    }
}
