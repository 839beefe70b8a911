namespace Memoir.Server.Wire;

/// <summary>
/// Cuts a stream into lines, which end with a line feed alone (a carriage return before it goes too; the other separators
/// of Unicode are text). A line longer than the limit is passed over, never kept.
/// </summary>
internal sealed class LineReader(Stream stream, int limit)
{
    private byte[] _buffer = new byte[256 * 1024];
    private int _start;
    private int _end;
    private bool _isAtEnd;

    /// <summary>The line that was read, without its end; valid until the next one is.</summary>
    public ReadOnlyMemory<byte> Line { get; private set; }

    /// <summary>The line was longer than the limit, and is gone.</summary>
    public bool IsTooLong { get; private set; }

    /// <summary>Bytes taken since the beginning, ends of lines included.</summary>
    public long Taken { get; private set; }

    /// <returns>False at the end.</returns>
    public async ValueTask<bool> ReadAsync(CancellationToken ct)
    {
        IsTooLong = false;
        var searched = 0;
        while (true)
        {
            var length = _buffer.AsSpan(_start + searched, _end - _start - searched).IndexOf((byte)'\n');
            if (length >= 0)
            {
                Take(searched + length, 1);
                return true;
            }

            searched = _end - _start;
            if (searched > limit)
            {
                IsTooLong = true;
                Taken += searched;
                _start = _end;
                searched = 0;
            }

            if (_isAtEnd)
            {
                var isLine = searched > 0 || IsTooLong;
                Take(searched, 0);
                return isLine;
            }

            await FillAsync(ct);
        }
    }

    private void Take(int length, int end)
    {
        var text = _buffer.AsMemory(_start, length);
        if (text.Span is [.., (byte)'\r'])
        {
            text = text[..^1];
        }

        // The rest of a line whose beginning was passed over is no line.
        Line = IsTooLong ? default : text;
        IsTooLong |= text.Length > limit;
        _start += length + end;
        Taken += length + end;
    }

    private async ValueTask FillAsync(CancellationToken ct)
    {
        if (_start > 0)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            _end -= _start;
            _start = 0;
        }

        if (_end == _buffer.Length)
        {
            Array.Resize(ref _buffer, _buffer.Length * 2);
        }

        var read = await stream.ReadAsync(_buffer.AsMemory(_end), ct);
        _end += read;
        _isAtEnd = read == 0;
    }
}
