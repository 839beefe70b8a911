using Memoir.Kit.CommandLine;
using Memoir.Kit.Files;

namespace Memoir.Server.Commands;

/// <summary>The user's file of a command, and what a command puts beside it.</summary>
internal static class Files
{
    /// <exception cref="CommandException">It is not there or cannot be read.</exception>
    public static FileStream Open(string path)
    {
        FileStream? stream = null;
        var fault = path.Length == 0 || path.Contains('\0', StringComparison.Ordinal)
            ? "it has no name"
            : Try(() => stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1, FileOptions.SequentialScan));
        if (fault is null && !stream!.CanSeek)
        {
            stream.Dispose();
            fault = "it is no ordinary file; write it to one first";
        }

        return fault is null
            ? stream!
            : throw new CommandException(ExitCode.NoInput, $"{PrintableText.Of(path)} cannot be read: {PrintableText.Of(fault)}");
    }

    /// <summary>Writes a command's result into a file, there whole or not at all and for its owner only; without one to standard output.</summary>
    /// <exception cref="CommandException">The file cannot be written.</exception>
    public static async Task WriteResultAsync(string? path, Func<Stream, Task> write, CancellationToken ct)
    {
        if (path is null)
        {
            await using var output = Console.OpenStandardOutput();
            await write(output);
            await output.FlushAsync(ct);
            return;
        }

        if (await TryAsync(() => DurableFiles.WriteAtomicallyAsync(path, write, DurableFiles.Private)) is { } fault)
        {
            throw new CommandException(ExitCode.Unavailable, $"{PrintableText.Of(path)} cannot be written: {PrintableText.Of(fault)}");
        }
    }

    /// <summary>Does what the command can go on without.</summary>
    /// <returns>What the file system says against it; null when it was done.</returns>
    public static string? Try(Action work)
    {
        try
        {
            work();
            return null;
        }
        catch (IOException exception)
        {
            return exception.Message;
        }
        catch (UnauthorizedAccessException exception)
        {
            return exception.Message;
        }
    }

    /// <inheritdoc cref="Try"/>
    public static async Task<string?> TryAsync(Func<Task> work)
    {
        try
        {
            await work();
            return null;
        }
        catch (IOException exception)
        {
            return exception.Message;
        }
        catch (UnauthorizedAccessException exception)
        {
            return exception.Message;
        }
    }
}
