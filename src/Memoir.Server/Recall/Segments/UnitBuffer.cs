namespace Memoir.Server.Recall.Segments;

/// <summary>The passages of one memory while a segment is read; reused from memory to memory.</summary>
internal sealed class UnitBuffer
{
    private int[] _numbers = new int[256];
    private byte[] _counts = new byte[256];
    private int[] _ends = new int[4];
    private byte[] _lengths = new byte[4];
    private int _terms;
    private int _passages;

    public ReadOnlySpan<int> Numbers => _numbers.AsSpan(0, _terms);

    public ReadOnlySpan<byte> Counts => _counts.AsSpan(0, _terms);

    public ReadOnlySpan<int> Ends => _ends.AsSpan(0, _passages);

    public ReadOnlySpan<byte> Lengths => _lengths.AsSpan(0, _passages);

    public void Read(ref SegmentReader reader, int[] numbers)
    {
        _terms = 0;
        _passages = reader.Count();
        if (_passages > _ends.Length)
        {
            _ends = new int[_passages];
            _lengths = new byte[_passages];
        }

        for (var passage = 0; passage < _passages; passage++)
        {
            _lengths[passage] = reader.Byte();
            var entries = reader.Count();
            Grow(entries);
            var place = 0;
            for (var i = 0; i < entries; i++)
            {
                var step = reader.Count();
                place += step >> 1;
                _numbers[_terms] = numbers[place];
                _counts[_terms++] = (step & 1) == 0 ? (byte)1 : reader.Byte();
            }

            _ends[passage] = _terms;
        }
    }

    private void Grow(int more)
    {
        if (_terms + more > _numbers.Length)
        {
            Array.Resize(ref _numbers, (_terms + more) * 2);
            Array.Resize(ref _counts, (_terms + more) * 2);
        }
    }
}
