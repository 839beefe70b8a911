using System.Collections.Concurrent;

namespace Memoir.Server.Recall.Index;

/// <summary>The conversations, users or types of a tenant by name and by number.</summary>
internal sealed class GroupTable
{
    private readonly ConcurrentDictionary<string, MemoryGroup> _byName = new(StringComparer.Ordinal);
    private MemoryGroup[] _byNumber = new MemoryGroup[4];
    private int _count;

    public int Count => Volatile.Read(ref _count);

    /// <summary>Without the lists of members, which depend on the memories.</summary>
    public long Bytes { get; private set; }

    public MemoryGroup this[int number] => Volatile.Read(ref _byNumber)[number];

    public MemoryGroup? Find(string name) => _byName.GetValueOrDefault(name);

    public MemoryGroup GetOrAdd(string name)
    {
        if (_byName.TryGetValue(name, out var known))
        {
            return known;
        }

        var group = new MemoryGroup(name, _count);
        if (_count == _byNumber.Length)
        {
            var larger = new MemoryGroup[_count * 2];
            _byNumber.CopyTo(larger, 0);
            Volatile.Write(ref _byNumber, larger);
        }

        _byNumber[_count] = group;
        Volatile.Write(ref _count, _count + 1);
        _byName[name] = group;
        Bytes += MemoryGroup.BytesEach + (2L * name.Length);
        return group;
    }
}
