using System.Buffers.Binary;
using System.IO.Compression;
using System.Text.RegularExpressions;
using Memoir.Kit.CommandLine;

namespace Memoir.Server.Commands.Import.ChatGpt;

/// <summary>
/// The archive as it was downloaded. Nothing is unpacked to disk; what no honest archive has is refused before anything
/// is stored: names that lead elsewhere, links, the same name twice, encryption, a wrong checksum, a bomb.
/// </summary>
internal sealed partial class ExportArchive : IDisposable
{
    private const int MostEntries = 60_000;
    private const long LargestDirectory = 16 * 1024 * 1024;
    private const long LargestFile = 16L * 1024 * 1024 * 1024;
    private const int LargestRatio = 200;
    private const int SymbolicLink = 0xA000;
    private const int TypeOfFile = 0xF000;

    private readonly ZipArchive _zip;

    private ExportArchive(ZipArchive zip, IReadOnlyList<Func<Stream>> conversations)
    {
        _zip = zip;
        Conversations = conversations;
    }

    /// <summary>The files of conversations, in order.</summary>
    public IReadOnlyList<Func<Stream>> Conversations { get; }

    /// <exception cref="CommandException">The archive is unsafe, damaged or holds no conversations.</exception>
    public static async Task<ExportArchive> OpenAsync(FileStream file, CancellationToken ct)
    {
        RefuseLargeDirectory(file);
        ZipArchive? zip = null;
        try
        {
            zip = new ZipArchive(file, ZipArchiveMode.Read, leaveOpen: true);
            var entries = Checked(zip);
            foreach (var entry in entries)
            {
                await VerifyAsync(entry, ct);
            }

            return new ExportArchive(zip, [.. entries.Select(entry => (Func<Stream>)entry.Open)]);
        }
        catch (InvalidDataException exception)
        {
            zip?.Dispose();
            throw Unsafe($"it is damaged: {exception.Message}");
        }
        catch
        {
            zip?.Dispose();
            throw;
        }
    }

    public void Dispose() => _zip.Dispose();

    private static List<ZipArchiveEntry> Checked(ZipArchive zip)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var entry in zip.Entries)
        {
            if (Leads().IsMatch(entry.FullName))
            {
                throw Unsafe($"{PrintableText.Of(entry.FullName)} leads out of it");
            }

            if (((entry.ExternalAttributes >> 16) & TypeOfFile) == SymbolicLink)
            {
                throw Unsafe($"{PrintableText.Of(entry.FullName)} is a link");
            }

            if (!names.Add(entry.FullName))
            {
                throw Unsafe($"{PrintableText.Of(entry.FullName)} is in it twice");
            }
        }

        var found = zip.Entries.Where(entry => ConversationsName().IsMatch(entry.FullName)).OrderBy(entry => entry.FullName, StringComparer.Ordinal).ToList();
        if (found.Count == 0)
        {
            throw new CommandException(ExitCode.Data, "the archive has no conversations.json");
        }

        return found.Find(entry => entry.IsEncrypted) is { } locked ? throw Unsafe($"{PrintableText.Of(locked.FullName)} is encrypted") : found;
    }

    /// <summary>Reads it once for its checksum: what is stored half and then found wrong would have to be taken back.</summary>
    private static async Task VerifyAsync(ZipArchiveEntry entry, CancellationToken ct)
    {
        var buffer = new byte[256 * 1024];
        var length = 0L;
        var checksum = new Crc32();
        await using var stream = await entry.OpenAsync(ct);
        int read;
        while ((read = await stream.ReadAsync(buffer, ct)) > 0)
        {
            length += read;
            checksum.Append(buffer.AsSpan(0, read));
            if (length > LargestFile || (length > LargestDirectory && length / LargestRatio > entry.CompressedLength))
            {
                throw Unsafe($"{PrintableText.Of(entry.FullName)} becomes far larger than it is");
            }
        }

        if (length != entry.Length || checksum.Value != entry.Crc32)
        {
            throw Unsafe($"{PrintableText.Of(entry.FullName)} has a wrong checksum");
        }
    }

    /// <summary>The list of entries is read into memory as a whole, so its size is looked at first.</summary>
    private static void RefuseLargeDirectory(FileStream file)
    {
        const int record = 22;
        var tail = new byte[Math.Min(file.Length, record + ushort.MaxValue)];
        file.Position = file.Length - tail.Length;
        file.ReadExactly(tail);
        file.Position = 0;
        var at = tail.AsSpan().LastIndexOf("PK\x05\x06"u8);
        if (at < 0 || tail.Length - at < record)
        {
            throw Unsafe("it has no directory; was it downloaded to the end?");
        }

        var entries = BinaryPrimitives.ReadUInt16LittleEndian(tail.AsSpan(at + 10));
        var size = BinaryPrimitives.ReadUInt32LittleEndian(tail.AsSpan(at + 12));
        if (entries > MostEntries || size > LargestDirectory)
        {
            throw Unsafe($"it has more than {MostEntries} entries");
        }
    }

    private static CommandException Unsafe(string why) => new(ExitCode.Data, $"unsafe archive, nothing was stored: {why}");

    [GeneratedRegex(@"(^|[/\\])\.\.([/\\]|$)|^[/\\]|^[A-Za-z]:")]
    private static partial Regex Leads();

    [GeneratedRegex(@"^([^/]+/)?conversations(-\d+)?\.json$")]
    private static partial Regex ConversationsName();
}
