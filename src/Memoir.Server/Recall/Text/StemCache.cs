namespace Memoir.Server.Recall.Text;

/// <summary>A fixed-size, lock-free memory of what words reduce to. A lost or torn entry is only a miss.</summary>
internal sealed class StemCache
{
    private const int Slots = 1 << 15;
    private readonly ulong[] _checks = new ulong[Slots];
    private readonly ulong[] _terms = new ulong[Slots];

    public bool TryGet(ulong word, out ulong term)
    {
        // The check is word xor term, so that a reader between two writes of another thread sees a mismatch, never a wrong term.
        var slot = (int)(word >> 49);
        term = Volatile.Read(ref _terms[slot]);
        return (Volatile.Read(ref _checks[slot]) ^ term) == word && term != 0;
    }

    public void Set(ulong word, ulong term)
    {
        var slot = (int)(word >> 49);
        Volatile.Write(ref _terms[slot], term);
        Volatile.Write(ref _checks[slot], word ^ term);
    }
}
