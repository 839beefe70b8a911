using Memoir.Kit.Data;

namespace Memoir.Server.Quality.Doubts;

/// <summary>
/// What this process has lately handed out of each tenant's memories: no text, only the numbers of its runs of words, the
/// last of each tenant and the last tenants. Another process has its own.
/// </summary>
internal sealed class RecentlyRecalled(TimeProvider time)
{
    public const int MostOfTenant = 256;
    public const int MostTenants = 1000;

    /// <summary>What was handed out longer ago is nothing that is echoed.</summary>
    public static readonly TimeSpan Reach = TimeSpan.FromMinutes(15);

    private const int MostRuns = 256;
    private const int FewestWords = 8;
    private const double Share = 0.8;

    /// <summary>Of all tenants together: 16 MB.</summary>
    private const long MostRunsOfAll = 4_000_000;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, LinkedListNode<Recalled>> _tenants = new(StringComparer.Ordinal);
    private readonly LinkedList<Recalled> _byUse = new();
    private long _runs;

    /// <param name="tenant">Whose memory it is.</param>
    /// <param name="sequence">Its place.</param>
    /// <param name="version">With another version it says something else.</param>
    /// <param name="text">What it says.</param>
    public void Add(Tenant tenant, long sequence, long version, string text)
    {
        var now = time.GetTimestamp();
        lock (_gate)
        {
            if (_tenants.TryGetValue(tenant.Id, out var known) && known.Value.Renew(sequence, version, now))
            {
                Use(known);
                return;
            }
        }

        uint[] runs = [.. WordRuns.Of(text, MostRuns).SelectMany(sentence => sentence.Runs).Distinct()]; // Outside of the lock: nobody waits for it.
        lock (_gate)
        {
            if (!_tenants.TryGetValue(tenant.Id, out var mine))
            {
                _tenants[tenant.Id] = mine = _byUse.AddLast(new Recalled(tenant.Id));
            }

            _runs += mine.Value.Put(new Item(sequence, version, now, runs));
            Use(mine);
            while (_byUse.Count > MostTenants || (_runs > MostRunsOfAll && _byUse.Count > 1))
            {
                var idle = _byUse.First!;
                _runs -= idle.Value.Runs;
                _tenants.Remove(idle.Value.Tenant);
                _byUse.Remove(idle);
            }
        }
    }

    /// <summary>
    /// Whether most of a text is sentences that stand as they are in what was handed out. One with another word, or another
    /// number, in it says something of its own, however much of it is the same.
    /// </summary>
    public bool IsEchoedBy(Tenant tenant, string text)
    {
        lock (_gate)
        {
            if (!_tenants.ContainsKey(tenant.Id))
            {
                return false;
            }
        }

        var sentences = WordRuns.Of(text, int.MaxValue);
        var words = sentences.Sum(sentence => sentence.Words);
        if (words < FewestWords)
        {
            return false;
        }

        var since = time.GetTimestamp() - (long)(Reach.TotalSeconds * time.TimestampFrequency);
        var missing = sentences.SelectMany(sentence => sentence.Runs).ToHashSet();
        lock (_gate)
        {
            if (!_tenants.TryGetValue(tenant.Id, out var mine))
            {
                return false;
            }

            foreach (var item in mine.Value.Items)
            {
                if (item.At >= since)
                {
                    missing.ExceptWith(item.Runs);
                }
            }
        }

        return sentences.Where(sentence => !sentence.Runs.Any(missing.Contains)).Sum(sentence => sentence.Words) >= words * Share;
    }

    /// <summary>How many tenants and runs are known, for who watches their bounds.</summary>
    internal (int Tenants, long Runs) Size()
    {
        lock (_gate)
        {
            return (_tenants.Count, _runs);
        }
    }

    private void Use(LinkedListNode<Recalled> tenant)
    {
        _byUse.Remove(tenant);
        _byUse.AddLast(tenant);
    }

    private sealed record Item(long Sequence, long Version, long At, uint[] Runs);

    private sealed class Recalled(string tenant)
    {
        private readonly Dictionary<long, LinkedListNode<Item>> _bySequence = [];

        public string Tenant => tenant;

        public LinkedList<Item> Items { get; } = new();

        public long Runs { get; private set; }

        public bool Renew(long sequence, long version, long now)
        {
            if (!_bySequence.TryGetValue(sequence, out var known) || known.Value.Version != version)
            {
                return false;
            }

            Items.Remove(known);
            _bySequence[sequence] = Items.AddLast(known.Value with { At = now });
            return true;
        }

        /// <returns>By how many runs it has grown.</returns>
        public long Put(Item item)
        {
            var before = Runs;
            if (_bySequence.TryGetValue(item.Sequence, out var known))
            {
                Drop(known);
            }
            else if (Items.Count == MostOfTenant)
            {
                Drop(Items.First!);
            }

            _bySequence[item.Sequence] = Items.AddLast(item);
            Runs += item.Runs.Length;
            return Runs - before;
        }

        private void Drop(LinkedListNode<Item> item)
        {
            Runs -= item.Value.Runs.Length;
            _bySequence.Remove(item.Value.Sequence);
            Items.Remove(item);
        }
    }
}
