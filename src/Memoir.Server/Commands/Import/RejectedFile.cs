using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Memoir.Kit.CommandLine;
using Memoir.Kit.Files;

namespace Memoir.Server.Commands.Import;

/// <summary>What was refused, with the reason, as JSON lines beside the file, for its owner alone.</summary>
internal sealed class RejectedFile(string file, string unit, Terminal terminal) : IDisposable
{
    private const int Shown = 10;
    private FileStream? _stream;
    private int _shown;
    private bool _isUnwritable;

    public string Path { get; } = file + ".rejected.jsonl";

    public bool IsWritten => _stream is not null;

    public long Length => _stream?.Length ?? 0;

    /// <summary>Without a position of an earlier run, its file goes.</summary>
    public bool Begin(long keep)
    {
        if (keep == 0)
        {
            Files.Try(() => File.Delete(Path)); // Where that fails, writing will say so.
            return true;
        }

        var found = new FileInfo(Path);
        return found.Exists && found.LinkTarget is null && found.Length >= keep && Files.Try(() =>
        {
            _stream = new FileStream(Path, FileMode.Open, FileAccess.Write);
            _stream.SetLength(keep);
            _stream.Position = keep;
        }) is null;
    }

    public void Write(IReadOnlyList<SourceEntry> refused)
    {
        foreach (var entry in refused)
        {
            if (_shown++ < Shown || _isUnwritable)
            {
                terminal.Note(PrintableText.Of($"{unit} {entry.Number}{(entry.MessageId is { } id ? $", message {id}" : "")}: {entry.Refusal}"));
            }

            Append(entry);
        }

        Files.Try(() => _stream?.Flush());
    }

    /// <summary>Shows the refusals of a dry run, which writes nothing.</summary>
    public void Show(IReadOnlyList<SourceEntry> refused)
    {
        _isUnwritable = true;
        Write(refused);
    }

    public void Dispose() => _stream?.Dispose();

    private void Append(SourceEntry entry)
    {
        if (_isUnwritable)
        {
            return;
        }

        var fault = Files.Try(() =>
        {
            _stream ??= Create();
            _stream.Write(Line(entry).WrittenSpan);
        });
        if (fault is not null)
        {
            _isUnwritable = true;
            terminal.Note(PrintableText.Of($"{Path} cannot be written, so what is refused is named here only: {fault}"));
        }
    }

    private FileStream Create()
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = DurableFiles.Private;
        }

        return new FileStream(Path, options);
    }

    private ArrayBufferWriter<byte> Line(SourceEntry entry)
    {
        var line = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(line, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteNumber(unit, entry.Number);
            if (entry.MessageId is { } id)
            {
                json.WriteString("message_id", id);
            }

            json.WriteString("reason", entry.Refusal);
            if (entry.Text is { } text)
            {
                json.WriteString("text", text);
            }

            json.WriteEndObject();
        }

        line.Write("\n"u8);
        return line;
    }
}
