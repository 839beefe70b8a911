namespace Memoir.Server.Recall.Text;

/// <summary>A reusable list of the terms of a text in reading order, with where each stood.</summary>
internal sealed class TokenBuffer
{
    private ulong[] _terms = new ulong[128];
    private int[] _starts = new int[128];
    private int[] _ends = new int[128];

    public int Count { get; private set; }

    public ReadOnlySpan<ulong> Terms => _terms.AsSpan(0, Count);

    public Range Place(int index) => _starts[index].._ends[index];

    public void Clear()
    {
        Count = 0;
        if (_terms.Length > 8192)
        {
            _terms = new ulong[128];
            _starts = new int[128];
            _ends = new int[128];
        }
    }

    public void Add(ulong term, int start, int end)
    {
        if (Count == _terms.Length)
        {
            Array.Resize(ref _terms, Count * 2);
            Array.Resize(ref _starts, Count * 2);
            Array.Resize(ref _ends, Count * 2);
        }

        _terms[Count] = term;
        _starts[Count] = start;
        _ends[Count++] = end;
    }
}
