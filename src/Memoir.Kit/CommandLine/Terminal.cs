using System.Text;

namespace Memoir.Kit.CommandLine;

/// <summary>
/// Where a command writes: results to standard output, progress and complaints to standard error. Colours and the line
/// that rewrites itself are for people at a terminal; elsewhere there is no control character but the line feed.
/// </summary>
public sealed class Terminal(TextWriter output, TextWriter errors, bool colours, bool moves, TimeProvider time)
{
    private static readonly TimeSpan Redraw = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan NextLine = TimeSpan.FromSeconds(5);
    private readonly long _started = time.GetTimestamp();
    private long _shown = time.GetTimestamp();
    private int _width;

    /// <summary>The process's own; <c>NO_COLOR</c> and <c>TERM=dumb</c> are honoured.</summary>
    public static Terminal OfProcess(TimeProvider time)
    {
        Console.OutputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
        var isDumb = Environment.GetEnvironmentVariable("TERM") is "dumb";
        var colours = !Console.IsOutputRedirected && !isDumb && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));
        return new Terminal(Console.Out, Console.Error, colours, !Console.IsErrorRedirected && !isDumb, time);
    }

    /// <summary>Since the command began.</summary>
    public TimeSpan Elapsed => time.GetElapsedTime(_started);

    public void Line(string text = "")
    {
        ClearProgress();
        output.Write(text + "\n");
    }

    /// <summary>A line for the person, which a pipe does not carry on.</summary>
    public void Note(string text)
    {
        ClearProgress();
        errors.Write($"memoir: {text}\n");
    }

    /// <summary>How far the work is: rewritten in place at a terminal, a plain line now and then elsewhere.</summary>
    public void Progress(Func<string> text)
    {
        if (time.GetElapsedTime(_shown) < (moves ? Redraw : NextLine))
        {
            return;
        }

        _shown = time.GetTimestamp();
        var line = text();
        if (moves)
        {
            errors.Write($"\r{line.PadRight(_width)}");
            _width = line.Length;
        }
        else
        {
            errors.Write($"memoir: {line}\n");
        }
    }

    public string Bold(string text) => Painted("1", text);

    public string Faint(string text) => Painted("2", text);

    public string Green(string text) => Painted("32", text);

    public string Yellow(string text) => Painted("1;33", text);

    private string Painted(string code, string text) => colours ? $"\e[{code}m{text}\e[0m" : text;

    private void ClearProgress()
    {
        if (_width > 0)
        {
            errors.Write($"\r{new string(' ', _width)}\r");
            _width = 0;
        }
    }
}
