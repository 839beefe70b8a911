using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;

namespace Memoir.Kit.Files;

/// <summary>
/// The one way anything durable is written as a file: when a call returns, the bytes and the name survive a power cut;
/// when the storage reports a failure, the call throws.
/// </summary>
public static class DurableFiles
{
    public const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private const UnixFileMode PrivateDirectory = Private | UnixFileMode.UserExecute;
    private const UnixFileMode Others = (UnixFileMode)0b000_111_111;

    /// <summary>
    /// Replaces the file or makes it: readers see the old bytes or the new ones, never a mixture. After an exception the
    /// old file is in place, unless the very last step (syncing the folder) failed: then the new one is, but may not last.
    /// </summary>
    /// <exception cref="IOException">The storage refused a step; nothing may be acknowledged.</exception>
    public static Task WriteAtomicallyAsync(string path, ReadOnlyMemory<byte> bytes, UnixFileMode mode, CancellationToken ct) =>
        WriteAtomicallyAsync(path, async file => await file.WriteAsync(bytes, ct), mode);

    /// <summary>The same for what is not in memory as a whole.</summary>
    /// <param name="path">The file.</param>
    /// <param name="write">Writes its bytes; throwing leaves the old file in place.</param>
    /// <param name="mode">Of the file.</param>
    public static async Task WriteAtomicallyAsync(string path, Func<Stream, Task> write, UnixFileMode mode)
    {
        var target = Path.GetFullPath(path);
        var folder = Path.GetDirectoryName(target) ?? throw new ArgumentException("The path names no file.", nameof(path));
        var temporary = TemporaryBeside(target);

        var renamed = false;
        try
        {
            using (var file = Create(temporary, mode))
            {
                await write(file);
                await file.FlushAsync();
                NativeSync.File(file.SafeFileHandle);
            }

            File.Move(temporary, target, overwrite: true);
            renamed = true;
        }
        finally
        {
            if (!renamed)
            {
                File.Delete(temporary);
            }
        }

        SyncDirectory(folder);
    }

    /// <summary>Makes a private file that is there whole or not at all; nothing happens when there is one of that name.</summary>
    /// <returns>False when there was one.</returns>
    /// <exception cref="IOException">The storage refused a step.</exception>
    public static bool TryCreate(string path, ReadOnlySpan<byte> bytes)
    {
        var target = Path.GetFullPath(path);
        var temporary = TemporaryBeside(target);
        try
        {
            using (var file = Create(temporary, Private))
            {
                RandomAccess.Write(file.SafeFileHandle, bytes, fileOffset: 0);
                NativeSync.File(file.SafeFileHandle);
            }

            File.Move(temporary, target, overwrite: false);
        }
        catch (IOException) when (File.Exists(target))
        {
            return false;
        }
        finally
        {
            File.Delete(temporary);
        }

        SyncDirectory(Path.GetDirectoryName(target)!);
        return true;
    }

    /// <summary>
    /// Adds to the end of a file, which is made private where it is missing. After an exception or a power cut the end may
    /// hold a part of the bytes: what reads the file has to leave an unfinished end aside. One writer at a time.
    /// </summary>
    /// <exception cref="IOException">The storage refused a step; nothing may be acknowledged.</exception>
    public static async Task AppendAsync(string path, ReadOnlyMemory<byte> bytes, CancellationToken ct)
    {
        var target = Path.GetFullPath(path);
        var isNew = !File.Exists(target);
        var options = new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.Write, Share = FileShare.Read, BufferSize = 0 };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = Private;
        }

        using (var file = new FileStream(target, options))
        {
            await RandomAccess.WriteAsync(file.SafeFileHandle, bytes, RandomAccess.GetLength(file.SafeFileHandle), ct);
            NativeSync.File(file.SafeFileHandle);
        }

        if (isNew)
        {
            SyncDirectory(Path.GetDirectoryName(target)!);
        }
    }

    /// <summary>Puts a closed file in the place of another of the same folder, which readers see whole, before or after.</summary>
    /// <exception cref="IOException">The storage refused a step.</exception>
    public static void Replace(string from, string path)
    {
        using (var file = File.OpenHandle(from, FileMode.Open, FileAccess.ReadWrite))
        {
            NativeSync.File(file);
        }

        File.Move(from, path, overwrite: true);
        SyncDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
    }

    /// <summary>Makes the folder and what is missing above it; a new one belongs to its owner alone.</summary>
    /// <returns>False when the folder was there already and others may enter it: the caller should say so.</returns>
    public static bool EnsurePrivateDirectory(string path)
    {
        var folder = Path.GetFullPath(path);
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(folder);
            return true;
        }

        if (Directory.Exists(folder))
        {
            return (File.GetUnixFileMode(folder) & Others) == 0;
        }

        var changed = new List<string>();
        for (var missing = folder; missing is not null && !Directory.Exists(missing); missing = Path.GetDirectoryName(missing))
        {
            changed.Add(missing);
        }

        Directory.CreateDirectory(folder, PrivateDirectory);

        // A new name lasts when the folder that lists it was synced.
        changed.ForEach(made => SyncDirectory(Path.GetDirectoryName(made)!));
        return true;
    }

    /// <summary>Makes renames, creations and removals inside the folder survive a power cut.</summary>
    public static void SyncDirectory(string folder) => NativeSync.Directory(folder);

    internal static async Task WriteAndSyncAsync(SafeFileHandle file, ReadOnlyMemory<byte> bytes, CancellationToken ct)
    {
        await RandomAccess.WriteAsync(file, bytes, fileOffset: 0, ct);
        NativeSync.File(file);
    }

    private static string TemporaryBeside(string target) => Path.Combine(
        Path.GetDirectoryName(target)!, $".{Path.GetFileName(target)}.{RandomNumberGenerator.GetHexString(12, lowercase: true)}.tmp");

    private static FileStream Create(string path, UnixFileMode mode)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, BufferSize = 0 };
        if (OperatingSystem.IsWindows())
        {
            return new FileStream(path, options);
        }

        // Private from its first instant; the mode asked for is in place before the final name is, whatever the umask says.
        options.UnixCreateMode = Private;
        var file = new FileStream(path, options);
        File.SetUnixFileMode(file.SafeFileHandle, mode);
        return file;
    }
}
