using System.Buffers;

namespace Memoir.Server.Commands.Import.ChatGpt;

/// <summary>
/// Cuts a JSON array into its elements while it streams by, by brackets and quotes alone: an element with a fault in it
/// is still told from the next. One that is larger than the limit is passed over, never kept.
/// </summary>
internal sealed class ArrayReader(Stream stream, int limit)
{
    private static readonly SearchValues<byte> Structure = SearchValues.Create("\"{}[],"u8);
    private static readonly SearchValues<byte> InText = SearchValues.Create("\"\\"u8);

    private readonly byte[] _buffer = new byte[256 * 1024];
    private readonly ArrayBufferWriter<byte> _element = new(64 * 1024);
    private int _at;
    private int _end;
    private int _depth;
    private bool _isInText;
    private bool _isEscaped;

    /// <summary>The element that was read; valid until the next one is.</summary>
    public ReadOnlyMemory<byte> Element => _element.WrittenMemory;

    public bool IsTooLarge { get; private set; }

    /// <summary>The array was closed.</summary>
    public bool IsComplete { get; private set; }

    /// <summary>Bytes of the stream that were read.</summary>
    public long Taken { get; private set; }

    /// <returns>False when there is no further element; <see cref="IsComplete"/> then tells whether the array ended as it should.</returns>
    public async ValueTask<bool> ReadAsync(CancellationToken ct)
    {
        IsTooLarge = false;
        _element.ResetWrittenCount();
        while (!IsComplete)
        {
            if (_at == _end)
            {
                _at = 0;
                _end = await stream.ReadAsync(_buffer, ct);
                Taken += _end;
                if (_end == 0)
                {
                    return false;
                }
            }

            if (Step())
            {
                if (!IsTooLarge && !Element.Span.ContainsAnyExcept(" \t\r\n"u8))
                {
                    _element.ResetWrittenCount();
                    continue; // Between the opening bracket and a closing one, or between two commas.
                }

                return true;
            }
        }

        return false;
    }

    /// <summary>Whether anything but space stands after the array: then its brackets do not match.</summary>
    public async ValueTask<bool> HasMoreAsync(CancellationToken ct)
    {
        _at = Math.Min(_at + 1, _end); // The closing bracket itself.
        do
        {
            if (_buffer.AsSpan(_at, _end - _at).ContainsAnyExcept(" \t\r\n"u8))
            {
                return true;
            }

            _at = 0;
            _end = await stream.ReadAsync(_buffer, ct);
        }
        while (_end > 0);
        return false;
    }

    /// <summary>Goes on to the next byte that decides something.</summary>
    /// <returns>Whether an element ended there.</returns>
    private bool Step()
    {
        var rest = _buffer.AsSpan(_at, _end - _at);
        if (_isEscaped)
        {
            _isEscaped = false;
            Keep(rest[..1]);
            return false;
        }

        var found = rest.IndexOfAny(_isInText ? InText : Structure);
        if (found < 0)
        {
            Keep(rest);
            return false;
        }

        var mark = rest[found];
        if (_isInText)
        {
            _isEscaped = mark == (byte)'\\';
            _isInText = _isEscaped;
            Keep(rest[..(found + 1)]);
            return false;
        }

        switch (mark)
        {
            case (byte)'"':
                _isInText = true;
                break;
            case (byte)'{' or (byte)'[':
                if (_depth++ == 0)
                {
                    _at += found + 1; // The array's own bracket is part of no element.
                    return false;
                }

                break;
            case (byte)'}' or (byte)']' when --_depth <= 0:
                IsComplete = true;
                Keep(rest[..found]);
                return true;
            case (byte)',' when _depth == 1:
                Keep(rest[..found]);
                _at++;
                return true;
        }

        Keep(rest[..(found + 1)]);
        return false;
    }

    private void Keep(ReadOnlySpan<byte> part)
    {
        _at += part.Length;
        if (_depth == 0 && !IsComplete)
        {
            return; // Before the array.
        }

        if (_element.WrittenCount + part.Length > limit)
        {
            IsTooLarge = true;
            _element.ResetWrittenCount();
        }

        if (!IsTooLarge)
        {
            _element.Write(part);
        }
    }
}
