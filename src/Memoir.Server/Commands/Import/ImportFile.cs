using Memoir.Kit.CommandLine;
using Memoir.Server.Commands.Import.ChatGpt;

namespace Memoir.Server.Commands.Import;

/// <summary>The opened file with the source that reads its format.</summary>
internal sealed class ImportFile : IDisposable
{
    private readonly ExportArchive? _archive;

    private ImportFile(FileStream stream, string format, IMessageSource source, ExportArchive? archive)
    {
        Stream = stream;
        Format = format;
        Source = source;
        _archive = archive;
    }

    public FileStream Stream { get; }

    public string Format { get; }

    public IMessageSource Source { get; }

    /// <summary>How much of the file is behind us, 0..1; unknown inside an archive.</summary>
    public double? Share => _archive is null && Stream.Length > 0 ? Math.Min(1, (double)Source.Position.Offset / Stream.Length) : null;

    /// <exception cref="CommandException">It is not there, or of no known format.</exception>
    public static async Task<ImportFile> OpenAsync(string path, string format, ImportDefaults defaults, CancellationToken ct)
    {
        var stream = Files.Open(path);
        try
        {
            var found = await RecogniseAsync(stream, ct);
            switch (format, found)
            {
                case ("auto" or "chatgpt", "zip"):
                    var archive = await ExportArchive.OpenAsync(stream, ct);
                    return new ImportFile(stream, "chatgpt", new ChatGptSource(archive.Conversations, defaults), archive);
                case ("auto" or "chatgpt", "["):
                    return new ImportFile(stream, "chatgpt", new ChatGptSource([() => stream], defaults), null);
                case ("auto", "{") or ("jsonl", _):
                    return new ImportFile(stream, "jsonl", new JsonLinesSource(stream, defaults), null);
                case ("auto", "empty"):
                    return new ImportFile(stream, "jsonl", new JsonLinesSource(stream, defaults), null);
                default:
                    throw new CommandException(
                        ExitCode.Data,
                        $"{PrintableText.Of(path)} is neither a ChatGPT export (conversations.json or its .zip) nor JSON lines in UTF-8; see docs/import.md");
            }
        }
        catch
        {
            await stream.DisposeAsync();
            throw;
        }
    }

    public void Dispose()
    {
        _archive?.Dispose();
        Stream.Dispose();
    }

    /// <summary>The first character that is no space decides.</summary>
    private static async Task<string> RecogniseAsync(FileStream stream, CancellationToken ct)
    {
        var buffer = new byte[64 * 1024];
        var isFirst = true;
        try
        {
            int read;
            while ((read = await stream.ReadAtLeastAsync(buffer, 4, throwOnEndOfStream: false, ct)) > 0)
            {
                var bytes = buffer.AsSpan(0, read);
                if (isFirst && bytes.StartsWith("PK\x03\x04"u8))
                {
                    return "zip";
                }

                bytes = isFirst && bytes.StartsWith("\uFEFF"u8) ? bytes[3..] : bytes;
                isFirst = false;
                var at = bytes.IndexOfAnyExcept(" \t\r\n"u8);
                if (at >= 0)
                {
                    return bytes[at] switch { (byte)'[' => "[", (byte)'{' => "{", _ => "other" };
                }
            }

            return "empty";
        }
        finally
        {
            stream.Position = 0;
        }
    }
}
