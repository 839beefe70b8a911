using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace Memoir.Server.Embeddings.Providers;

/// <summary>
/// The vectors of the queries asked last. Texts are kept as their hashes,
/// so that what a person asked cannot be read from it and a long query costs no more than a short one.
/// </summary>
internal sealed class QueryCache(int capacity)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<UInt128, LinkedListNode<Entry>> _entries = [];
    private readonly LinkedList<Entry> _byUse = [];

    public static UInt128 KeyOf(EmbeddingGeneration generation, string text)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];

        // As UTF-16, because UTF-8 would make all lone surrogates the same text.
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        sha.AppendData(Encoding.UTF8.GetBytes(generation.Key));
        sha.AppendData([0]);
        sha.AppendData(MemoryMarshal.AsBytes(text.AsSpan()));
        sha.GetHashAndReset(hash);
        return MemoryMarshal.Read<UInt128>(hash);
    }

    public float[]? Find(UInt128 key)
    {
        lock (_lock)
        {
            if (!_entries.TryGetValue(key, out var node))
            {
                return null;
            }

            _byUse.Remove(node);
            _byUse.AddFirst(node);
            return node.Value.Vector;
        }
    }

    public void Keep(UInt128 key, float[] vector)
    {
        lock (_lock)
        {
            if (_entries.ContainsKey(key))
            {
                return;
            }

            _entries[key] = _byUse.AddFirst(new Entry(key, vector));
            if (_entries.Count > capacity && _byUse.Last is { } oldest)
            {
                _byUse.RemoveLast();
                _entries.Remove(oldest.Value.Key);
            }
        }
    }

    private readonly record struct Entry(UInt128 Key, float[] Vector);
}
