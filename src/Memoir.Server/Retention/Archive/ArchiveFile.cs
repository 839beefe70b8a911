using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Memoir.Kit.Data;

namespace Memoir.Server.Retention.Archive;

/// <summary>
/// The form of an archive file: gzip'd JSON lines. The first says whose it is, each memory's has a checksum of its own, and
/// the last one has that of all before it, so that nothing can be missing unnoticed.
/// </summary>
internal static class ArchiveFile
{
    private const string Format = "memoir-archive";
    private const int Version = 1;

    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static byte[] Encode(Tenant tenant, IEnumerable<ArchivedText> texts)
    {
        using var lines = new MemoryStream();
        var count = 0;
        WriteLine(lines, json =>
        {
            json.WriteString("format", Format);
            json.WriteNumber("version", Version);
            json.WriteString("tenant_id", tenant.Id);
        });
        foreach (var text in texts)
        {
            var memory = Json(json => WriteMemory(json, text));
            WriteLine(lines, json =>
            {
                json.WriteString("sha256", Convert.ToHexStringLower(SHA256.HashData(memory)));
                json.WritePropertyName("memory");
                json.WriteRawValue(memory, skipInputValidation: true);
            });
            count++;
        }

        var all = Convert.ToHexStringLower(SHA256.HashData(lines.GetBuffer().AsSpan(0, (int)lines.Length)));
        WriteLine(lines, json =>
        {
            json.WriteNumber("memories", count);
            json.WriteString("sha256", all);
        });
        using var compressed = new MemoryStream();
        using (var gzip = new GZipStream(compressed, CompressionLevel.Optimal))
        {
            gzip.Write(lines.GetBuffer().AsSpan(0, (int)lines.Length));
        }

        return compressed.ToArray();
    }

    /// <exception cref="InvalidDataException">The bytes are damaged, cut, or another tenant's.</exception>
    public static Dictionary<Guid, ArchivedText> Decode(Tenant tenant, byte[] bytes)
    {
        try
        {
            return Read(tenant, Decompress(bytes));
        }
        catch (JsonException exception)
        {
            throw Strange(exception);
        }
        catch (InvalidOperationException exception)
        {
            throw Strange(exception);
        }
        catch (KeyNotFoundException exception)
        {
            throw Strange(exception);
        }
    }

    private static InvalidDataException Strange(Exception cause) => new("a line is not what it should be", cause);

    private static Dictionary<Guid, ArchivedText> Read(Tenant tenant, byte[] lines)
    {
        var end = lines.AsSpan(0, Math.Max(0, lines.Length - 1)).LastIndexOf((byte)'\n') + 1;
        Require(end > 0 && lines[^1] == '\n', "it has no last line");
        var (expected, sum) = Parse(lines.AsSpan(end), last => (last.GetProperty("memories").GetInt32(), last.GetProperty("sha256").GetString()));
        Require(sum == Convert.ToHexStringLower(SHA256.HashData(lines.AsSpan(0, end))), "its checksum does not match");

        var texts = new Dictionary<Guid, ArchivedText>(expected);
        var isFirst = true;
        foreach (var range in lines.AsSpan(0, end).Split((byte)'\n'))
        {
            var line = lines.AsSpan(range);
            if (isFirst)
            {
                var (format, version, owner) = Parse(line, first =>
                    (first.GetProperty("format").GetString(), first.GetProperty("version").GetInt32(), first.GetProperty("tenant_id").GetString()));
                Require(format == Format && version == Version, "it has another form");
                Require(owner == tenant.Id, "it belongs to another tenant");
                isFirst = false;
            }
            else if (!line.IsEmpty)
            {
                var text = Parse(line, ReadMemory);
                texts[text.Id] = text;
            }
        }

        Require(texts.Count == expected, "it lacks lines");
        return texts;
    }

    private static ArchivedText ReadMemory(JsonElement line)
    {
        var memory = line.GetProperty("memory");
        var sum = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(memory.GetRawText())));
        Require(sum == line.GetProperty("sha256").GetString(), "the checksum of a line does not match");
        return new ArchivedText(
            memory.GetProperty("id").GetGuid(),
            memory.GetProperty("content").GetString()!,
            memory.GetProperty("versions").EnumerateArray().ToDictionary(v => v.GetProperty("version").GetInt64(), v => v.GetProperty("snapshot").GetString()!));
    }

    private static void WriteMemory(Utf8JsonWriter json, ArchivedText text)
    {
        json.WriteString("id", text.Id);
        json.WriteString("content", text.Content);
        json.WriteStartArray("versions");
        foreach (var (version, snapshot) in text.Versions)
        {
            json.WriteStartObject();
            json.WriteNumber("version", version);
            json.WriteString("snapshot", snapshot);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static byte[] Decompress(byte[] bytes)
    {
        using var gzip = new GZipStream(new MemoryStream(bytes), CompressionMode.Decompress);
        using var lines = new MemoryStream();
        gzip.CopyTo(lines);
        return lines.ToArray();
    }

    private static T Parse<T>(ReadOnlySpan<byte> line, Func<JsonElement, T> read)
    {
        var reader = new Utf8JsonReader(line);
        using var document = JsonDocument.ParseValue(ref reader);
        return read(document.RootElement);
    }

    private static void WriteLine(MemoryStream to, Action<Utf8JsonWriter> members)
    {
        to.Write(Json(members));
        to.WriteByte((byte)'\n');
    }

    private static byte[] Json(Action<Utf8JsonWriter> members)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, Options))
        {
            json.WriteStartObject();
            members(json);
            json.WriteEndObject();
        }

        return buffer.ToArray();
    }

    private static void Require(bool isSo, string otherwise)
    {
        if (!isSo)
        {
            throw new InvalidDataException(otherwise);
        }
    }
}
