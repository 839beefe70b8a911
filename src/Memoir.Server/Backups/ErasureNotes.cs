using System.Text;
using Memoir.Kit.Files;
using Memoir.Server.Privacy.Erasure;

namespace Memoir.Server.Backups;

/// <summary>
/// The file that says who was erased. It lies beside the database, since one that is set back has forgotten it, and a copy
/// lies beside the backups, since a machine may be lost. Lines are only ever added: neither copy may forget one.
/// </summary>
internal static class ErasureNotes
{
    public const string FileName = ErasureLedger.FileName;

    /// <summary>Adds the lines of one folder's file that the other's lacks; nothing happens where there are none.</summary>
    /// <exception cref="IOException">The storage refused it.</exception>
    public static async Task BringAsync(string fromFolder, string toFolder, CancellationToken ct)
    {
        var (from, to) = (Path.Combine(fromFolder, FileName), Path.Combine(toFolder, FileName));
        if (Path.GetFullPath(from) == Path.GetFullPath(to) || !File.Exists(from))
        {
            return;
        }

        await AddAsync(to, await ReadAsync(from, ct), ct);
    }

    /// <summary>Adds tombstones that the folder's file lacks.</summary>
    /// <exception cref="IOException">The storage refused it.</exception>
    public static Task AddAsync(string toFolder, IReadOnlyList<Tombstone> tombstones, CancellationToken ct) =>
        AddAsync(Path.Combine(toFolder, FileName), [.. tombstones.Select(ErasureLedger.Spell)], ct);

    private static async Task AddAsync(string to, IReadOnlyList<string> lines, CancellationToken ct)
    {
        var there = await ReadAsync(to, ct);
        var known = there.ToHashSet(StringComparer.Ordinal);
        var added = lines.Where(known.Add).ToList();
        if (added.Count > 0)
        {
            var text = string.Concat(there.Concat(added).Select(line => line + "\n"));
            await DurableFiles.WriteAtomicallyAsync(to, Encoding.UTF8.GetBytes(text), DurableFiles.Private, ct);
        }
    }

    private static async Task<IReadOnlyList<string>> ReadAsync(string path, CancellationToken ct)
    {
        if (!File.Exists(path))
        {
            return [];
        }

        await using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var reader = new StreamReader(file, Encoding.UTF8);
        return (await reader.ReadToEndAsync(ct)).Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
