using System.IO.Compression;
using System.Text;
using System.Text.Encodings.Web;
using Npgsql;

namespace Memoir.Tests.Testing;

/// <summary>Every byte of every file that a server and its database keep, searched for a text in all the ways it may be spelled.</summary>
internal static class RawFiles
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <returns>Where it was found, and how it was spelled there; empty when nowhere.</returns>
    public static async Task<IReadOnlyList<string>> FindAsync(TestApp server, string text)
    {
        var found = new List<string>();
        foreach (var (name, bytes) in await ReadAsync(server))
        {
            foreach (var content in (byte[][])[bytes, .. Unpacked(bytes)])
            {
                found.AddRange(Spellings(text).Where(spelling => content.AsSpan().IndexOf(spelling.Bytes) >= 0).Select(spelling => $"{name}: {spelling.Name}"));
            }
        }

        return found;
    }

    /// <summary>Public so that the search itself can be tested.</summary>
    public static IEnumerable<(string Name, byte[] Bytes)> Spellings(string text)
    {
        var utf8 = Encoding.UTF8.GetBytes(text);
        yield return ("UTF-8", utf8);
        yield return ("UTF-16", Encoding.Unicode.GetBytes(text));
        yield return ("UTF-16, big end first", Encoding.BigEndianUnicode.GetBytes(text));
        yield return ("a path", Encoding.ASCII.GetBytes(Uri.EscapeDataString(text)));
        yield return ("JSON", Encoding.UTF8.GetBytes(JavaScriptEncoder.Default.Encode(text)));
        yield return ("JSON, escaped throughout", Encoding.UTF8.GetBytes(string.Concat(text.Select(unit => $"\\u{(int)unit:x4}"))));
        yield return ("a segment of the index", [.. text.SelectMany(unit => unit < 128 ? [(byte)unit] : (byte[])[(byte)(unit | 128), (byte)(unit >> 7)])]);
        for (var shift = 0; shift < 3; shift++)
        {
            // Only the characters that the text alone decides.
            var whole = Convert.ToBase64String([.. new byte[shift], .. utf8]).TrimEnd('=');
            var first = shift == 0 ? 0 : shift + 1;
            var last = ((shift + utf8.Length) * 8 / 6);
            yield return ($"base64 at {shift}", Encoding.ASCII.GetBytes(whole[first..last]));
        }
    }

    private static async Task<List<(string Name, byte[] Bytes)>> ReadAsync(TestApp server)
    {
        List<(string, byte[])> files = [("the log", Encoding.UTF8.GetBytes(server.Log.Text))];
        foreach (var path in Directory.GetFiles(server.Folder, "*", SearchOption.AllDirectories).Where(path => !path.EndsWith(".lock", StringComparison.Ordinal)))
        {
            await using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using var copy = new MemoryStream();
            await file.CopyToAsync(copy, Ct);
            files.Add((Path.GetFileName(path), copy.ToArray()));
        }

        if (TestEngines.Current == TestEngine.Postgres)
        {
            await AddServersAsync(PostgresServer.DatabaseIn(server.Folder), files);
        }

        return files;
    }

    /// <summary>The files of one database, as the server has them on its disk: tables, indexes, statistics.</summary>
    private static async Task AddServersAsync(string database, List<(string, byte[])> files)
    {
        await using var connection = await PostgresServer.ConnectAsync(PostgresServer.SuperuserUrlOf(database));
        await using (var checkpoint = new NpgsqlCommand("CHECKPOINT", connection))
        {
            await checkpoint.ExecuteNonQueryAsync(Ct);
        }

        const string sql = """
            SELECT f.name, pg_read_binary_file('base/' || d.oid || '/' || f.name, 0, 1000000000, true)
            FROM pg_database d, pg_ls_dir('base/' || d.oid) AS f(name) WHERE d.datname = current_database()
            """;

        await using var read = new NpgsqlCommand(sql, connection);
        await using var rows = await read.ExecuteReaderAsync(Ct);
        while (await rows.ReadAsync(Ct))
        {
            if (!await rows.IsDBNullAsync(1, Ct))
            {
                files.Add((rows.GetString(0), rows.GetFieldValue<byte[]>(1)));
            }
        }
    }

    private static IEnumerable<byte[]> Unpacked(byte[] bytes)
    {
        foreach (var unpack in (Func<Stream, Stream>[])[s => new GZipStream(s, CompressionMode.Decompress), s => new BrotliStream(s, CompressionMode.Decompress)])
        {
            using var copy = new MemoryStream();
            try
            {
                using var stream = unpack(new MemoryStream(bytes));
                stream.CopyTo(copy);
            }
            catch (Exception exception) when (exception is InvalidDataException or InvalidOperationException)
            {
                // It is not packed like this, or not to its end.
            }

            if (copy.Length > 0)
            {
                yield return copy.ToArray();
            }
        }
    }
}
