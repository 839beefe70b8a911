#pragma warning disable CA1822
namespace Memoir.Kit.Telemetry;

public sealed class Meters
{
    public void ObserveWriteQueue(Func<int> depth) { }
    public void WriteGroup(int size, TimeSpan took) { }
    public void JobsQueued(long n) { }
    public void JobProcessed(string kind, string outcome) { }
}
