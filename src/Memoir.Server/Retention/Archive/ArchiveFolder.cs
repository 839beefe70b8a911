using System.Security.Cryptography;
using System.Text;
using Memoir.Kit.Data;
using Memoir.Kit.Files;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Retention.Archive;

/// <summary>The archive's files: a folder for each tenant, read through a small cache, written so that they last.</summary>
internal sealed class ArchiveFolder(IOptions<ArchiveOptions> options, IOptions<DatabaseOptions> database, TimeProvider time)
{
    private const string Ending = ".jsonl.gz";

    /// <summary>Names the database whose texts these are; a restored one beside it refers to none of them.</summary>
    private const string OwnerFile = "database";

    /// <summary>Characters of text that are kept in memory.</summary>
    private const long MostCached = 16_000_000;

    private readonly Lock _gate = new();
    private readonly LinkedList<Cached> _cached = [];
    private readonly string _root = options.Value.Directory.Length == 0
        ? ""
        : Path.GetFullPath(options.Value.Directory, database.Value.ResolveDataDirectory());

    /// <summary>Whether texts move to files. Those that have moved are read in any case.</summary>
    public bool IsOn => _root.Length > 0;

    /// <summary>Whether what the database does not refer to may be deleted: in a folder of another one that is all of it.</summary>
    public bool IsOwn { get; private set; }

    /// <param name="location">The database that is being started.</param>
    /// <exception cref="StartupException">The folder cannot be made or used.</exception>
    public void Prepare(string location)
    {
        if (!IsOn)
        {
            return;
        }

        try
        {
            Storing(() =>
            {
                DurableFiles.EnsurePrivateDirectory(_root);
                var owner = Path.Combine(_root, OwnerFile);
                IsOwn = DurableFiles.TryCreate(owner, Encoding.UTF8.GetBytes(location)) || File.ReadAllText(owner) == location;
            });
        }
        catch (IOException exception)
        {
            throw new StartupException($"MEMORY_ARCHIVE_DIRECTORY: the folder {_root} cannot be made or used: {exception.Message} Example: MEMORY_ARCHIVE_DIRECTORY=/var/lib/memoir/archive", exception);
        }
    }

    /// <summary>A restored database has taken the place of the one whose texts these are, which is still somewhere: nothing is deleted any more.</summary>
    public async Task DisownAsync(string location, CancellationToken ct)
    {
        var owner = Path.Combine(_root, OwnerFile);
        if (IsOn && File.Exists(owner) && await File.ReadAllTextAsync(owner, ct) == location)
        {
            await DurableFiles.WriteAtomicallyAsync(owner, "restored"u8.ToArray(), DurableFiles.Private, ct);
        }
    }

    /// <summary>Names sort by the time at which they were given.</summary>
    public string NewName() => Guid.CreateVersion7(time.GetUtcNow()).ToString("N") + Ending;

    /// <summary>Writes a file, or puts it in place of the one of that name.</summary>
    /// <exception cref="IOException">The storage refused; what was there is there still.</exception>
    public async Task WriteAsync(Tenant tenant, string name, IReadOnlyCollection<ArchivedText> texts, CancellationToken ct)
    {
        var path = PathOf(tenant, name);
        Storing(() => DurableFiles.EnsurePrivateDirectory(Path.GetDirectoryName(path)!));
        try
        {
            await DurableFiles.WriteAtomicallyAsync(path, ArchiveFile.Encode(tenant, texts), DurableFiles.Private, ct);
        }
        catch (UnauthorizedAccessException exception)
        {
            throw new IOException(exception.Message, exception);
        }

        Forget(path);
    }

    /// <returns>The texts of a file by their memories; null when there is no such file.</returns>
    /// <exception cref="InvalidDataException">The file is damaged or cannot be read.</exception>
    public async Task<IReadOnlyDictionary<Guid, ArchivedText>?> ReadAsync(Tenant tenant, string name, CancellationToken ct)
    {
        if (!IsOn)
        {
            return null;
        }

        var file = new FileInfo(PathOf(tenant, name));
        if (!file.Exists)
        {
            return null;
        }

        var stamp = (file.LastWriteTimeUtc, file.Length);
        if (Find(file.FullName, stamp) is { } known)
        {
            return known;
        }

        var texts = ArchiveFile.Decode(tenant, await ReadBytesAsync(file.FullName, ct));
        Keep(new Cached(file.FullName, stamp, texts, texts.Values.Sum(text => text.Characters)));
        return texts;
    }

    /// <exception cref="IOException">The storage refused.</exception>
    public void Delete(Tenant tenant, string name)
    {
        var path = PathOf(tenant, name);
        Forget(path);
        if (IsOn && File.Exists(path))
        {
            Storing(() => File.Delete(path));
            DurableFiles.SyncDirectory(Path.GetDirectoryName(path)!);
        }
    }

    /// <summary>Deletes all files of a tenant, what a write that was cut off has left included.</summary>
    public void DeleteAll(Tenant tenant)
    {
        var folder = FolderOf(tenant);
        if (IsOn && Directory.Exists(folder))
        {
            lock (_gate)
            {
                _cached.Clear();
            }

            Directory.Delete(folder, recursive: true);
            DurableFiles.SyncDirectory(_root);
        }
    }

    /// <summary>The tenant's files, and what a write that was cut off has left.</summary>
    public IReadOnlyList<string> List(Tenant tenant)
    {
        var folder = FolderOf(tenant);
        return IsOn && Directory.Exists(folder) ? [.. Directory.EnumerateFiles(folder).Select(path => Path.GetFileName(path))] : [];
    }

    private static async Task<byte[]> ReadBytesAsync(string path, CancellationToken ct)
    {
        try
        {
            return await File.ReadAllBytesAsync(path, ct);
        }
        catch (IOException exception)
        {
            throw new InvalidDataException("it cannot be read", exception);
        }
        catch (UnauthorizedAccessException exception)
        {
            throw new InvalidDataException("it cannot be read", exception);
        }
    }

    private static void Storing(Action step)
    {
        try
        {
            step();
        }
        catch (UnauthorizedAccessException exception)
        {
            throw new IOException(exception.Message, exception);
        }
    }

    /// <summary>A name of its own on every file system: a tenant may be called <c>..</c>, and differ from another in capitals alone.</summary>
    private string FolderOf(Tenant tenant) => Path.Combine(_root, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(tenant.Id))));

    private string PathOf(Tenant tenant, string name) => Path.Combine(FolderOf(tenant), Path.GetFileName(name));

    private Dictionary<Guid, ArchivedText>? Find(string path, (DateTime, long) stamp)
    {
        lock (_gate)
        {
            for (var node = _cached.First; node is not null; node = node.Next)
            {
                if (node.Value.Path == path && node.Value.Stamp == stamp)
                {
                    _cached.Remove(node);
                    _cached.AddFirst(node);
                    return node.Value.Texts;
                }
            }

            return null;
        }
    }

    private void Keep(Cached read)
    {
        lock (_gate)
        {
            _cached.AddFirst(read);
            var sum = 0L;
            for (var node = _cached.First; node is not null;)
            {
                var next = node.Next;
                sum += node.Value.Characters;
                if (sum > MostCached || (node.Value != read && node.Value.Path == read.Path))
                {
                    _cached.Remove(node);
                }

                node = next;
            }
        }
    }

    private void Forget(string path)
    {
        lock (_gate)
        {
            for (var node = _cached.First; node is not null;)
            {
                var next = node.Next;
                if (node.Value.Path == path)
                {
                    _cached.Remove(node);
                }

                node = next;
            }
        }
    }

    private sealed record Cached(string Path, (DateTime, long) Stamp, Dictionary<Guid, ArchivedText> Texts, long Characters);
}
