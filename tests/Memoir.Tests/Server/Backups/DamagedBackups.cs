using System.Buffers.Binary;
using Memoir.Server.Backups.Format;

namespace Memoir.Tests.Server.Backups;

/// <summary>Everything that can happen to the file of a backup, each as a way to make such a file.</summary>
internal sealed class DamagedBackups(byte[] whole, byte[] sibling, byte[] stranger)
{
    private readonly List<(string What, Action<string> Make)> _all = [];

    public IReadOnlyList<(string What, Action<string> Make)> All()
    {
        CutShort();
        Flipped();
        Overwritten();
        Rearranged();
        Mixed();
        InItsPlace();
        return _all;
    }

    /// <summary>Where each chunk begins and ends.</summary>
    public static IReadOnlyList<Range> Chunks(byte[] file)
    {
        var at = HeaderLength(file);
        var found = new List<Range>();
        while (at < file.Length)
        {
            var next = at + 5 + BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(at + 1)) + ChunkCipher.TagLength;
            found.Add(at..next);
            at = next;
        }

        return found;
    }

    private static int HeaderLength(byte[] file) =>
        BackupWriter.Magic.Length + 4 + BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(BackupWriter.Magic.Length));

    private void Add(string what, byte[] bytes) => _all.Add((what, path => File.WriteAllBytes(path, bytes)));

    private void CutShort()
    {
        var ends = Chunks(whole).Select(chunk => chunk.Start.Value).Concat([0, 1, 15, 20, HeaderLength(whole) - 1, whole.Length / 2, whole.Length - 1]);
        foreach (var length in ends.Concat(Enumerable.Range(1, 20).Select(i => whole.Length * i / 21)).Distinct())
        {
            Add($"cut to {length}", whole[..length]);
        }
    }

    private void Flipped()
    {
        var places = Enumerable.Range(0, 64) // The header.
            .Concat(Enumerable.Range(1, 64).Select(i => whole.Length - i)) // The manifest.
            .Concat(Enumerable.Range(0, 150).Select(i => (int)(whole.Length * (long)i / 150)))
            .Concat(Chunks(whole).SelectMany(chunk => Enumerable.Range(chunk.Start.Value, 6)));
        foreach (var place in places.Distinct())
        {
            var bytes = whole.ToArray();
            bytes[place] ^= (byte)(1 << (place % 8));
            Add($"bit {place % 8} of byte {place} flipped", bytes);
        }
    }

    private void Overwritten()
    {
        for (var page = 0; page < 16; page++)
        {
            var bytes = whole.ToArray();
            var start = (int)(whole.Length * (long)page / 16) / 4096 * 4096;
            bytes.AsSpan(start, Math.Min(4096, whole.Length - start)).Clear();
            Add($"page at {start} zeroed", bytes);
        }

        Add("one byte behind its end", [.. whole, 0]);
        Add("garbage behind its end", [.. whole, .. Enumerable.Range(0, 5000).Select(i => (byte)i)]);
        Add("itself behind its end", [.. whole, .. whole]);
        Add("another version", [.. "memoir backup 2\n"u8, .. whole.AsSpan(16)]);
        Add("another program's file", [.. "SQLite format 3\0"u8, .. whole.AsSpan(16)]);
    }

    private void Rearranged()
    {
        var chunks = Chunks(whole);
        for (var i = 0; i + 1 < chunks.Count; i++)
        {
            Add($"chunks {i} and {i + 1} swapped", [.. whole[..chunks[i].Start.Value], .. whole[chunks[i + 1]], .. whole[chunks[i]], .. whole[chunks[i + 1].End.Value..]]);
            Add($"chunk {i} left out", [.. whole[..chunks[i].Start.Value], .. whole[chunks[i].End.Value..]]);
            Add($"chunk {i} twice", [.. whole[..chunks[i].End.Value], .. whole[chunks[i].Start.Value..]]);
        }
    }

    private void Mixed()
    {
        foreach (var (name, other) in ((string, byte[])[])[("another backup", sibling), ("another installation", stranger)])
        {
            var (mine, others) = (Chunks(whole), Chunks(other));
            for (var i = 0; i < Math.Min(mine.Count, others.Count); i++)
            {
                Add($"chunk {i} of {name}", [.. whole[..mine[i].Start.Value], .. other[others[i]], .. whole[mine[i].End.Value..]]);
            }

            Add($"the header of {name}", [.. other[..HeaderLength(other)], .. whole[HeaderLength(whole)..]]);
            Add($"the manifest of {name}", [.. whole[..mine[^1].Start.Value], .. other[others[^1]]]);
        }

        Add("made with another key", stranger);
    }

    private void InItsPlace()
    {
        _all.Add(("a link", MakeLink));
        _all.Add(("a folder", path => Directory.CreateDirectory(path)));
    }

    private void MakeLink(string path)
    {
        File.WriteAllBytes(path + ".real", whole);
        File.CreateSymbolicLink(path, path + ".real");
    }
}
