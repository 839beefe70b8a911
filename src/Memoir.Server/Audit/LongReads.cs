using Memoir.Kit.Http;

namespace Memoir.Server.Audit;

/// <summary>What may take minutes and is not to be had twice at a time: an export of a tenant, a verification.</summary>
internal sealed class LongReads
{
    private const int Most = 32;

    private readonly HashSet<string> _running = new(StringComparer.Ordinal);

    /// <summary>Until it is disposed of, nobody else gets the same.</summary>
    /// <exception cref="ProblemException">409: somebody has it. 503: too many have something.</exception>
    public IDisposable Enter(string name)
    {
        lock (_running)
        {
            if (_running.Count >= Most)
            {
                throw new ProblemException(Problem.Overloaded, "Too many exports are on their way.");
            }

            return _running.Add(name)
                ? new Place(this, name)
                : throw new ProblemException(Problem.Conflict, "The same is under way already; one at a time.");
        }
    }

    private sealed class Place(LongReads reads, string name) : IDisposable
    {
        public void Dispose()
        {
            lock (reads._running)
            {
                reads._running.Remove(name);
            }
        }
    }
}
