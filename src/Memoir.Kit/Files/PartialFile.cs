namespace Memoir.Kit.Files;

/// <summary>
/// A private file that takes long to write: its name ends in <c>.partial</c> until all of it is on the disk and was looked
/// at. Who finds one that nobody holds knows that its writer did not finish.
/// </summary>
public sealed class PartialFile : IDisposable
{
    public const string Ending = ".partial";

    private readonly string _path;
    private bool _isComplete;

    private PartialFile(string path, FileStream stream)
    {
        _path = path;
        Stream = stream;
    }

    /// <summary>To write, and to read again what was written.</summary>
    public FileStream Stream { get; }

    /// <summary>Begins one, in the place of what a writer left that is gone.</summary>
    /// <exception cref="IOException">There is a file of that name, somebody writes it, or it cannot be made.</exception>
    public static PartialFile Create(string path)
    {
        var target = Path.GetFullPath(path);
        if (Path.Exists(target))
        {
            throw new IOException($"{target} is there already.");
        }

        if (File.Exists(target + Ending) && !TryRemove(target + Ending))
        {
            throw new IOException($"{target} is being written.");
        }

        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.ReadWrite, Share = FileShare.None, BufferSize = 0 };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = DurableFiles.Private;
        }

        var stream = new FileStream(target + Ending, options);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(stream.SafeFileHandle, DurableFiles.Private);
        }

        return new PartialFile(target, stream);
    }

    /// <summary>Removes one whose writer is gone.</summary>
    /// <returns>False when somebody writes it.</returns>
    public static bool TryRemove(string partial)
    {
        try
        {
            using (new FileStream(partial, FileMode.Open, FileAccess.ReadWrite, FileShare.None))
            {
                File.Delete(partial);
            }

            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    /// <summary>Has what was written so far put on the disk.</summary>
    public void Sync() => NativeSync.File(Stream.SafeFileHandle);

    /// <summary>Puts it on the disk and gives it its name, which survives a power cut when this returns.</summary>
    /// <exception cref="IOException">The storage refused a step, or a file of that name has come up.</exception>
    public void Complete()
    {
        Sync();
        if (OperatingSystem.IsWindows())
        {
            Stream.Dispose(); // There an open file cannot be renamed; elsewhere it is held until it has its name.
        }

        File.Move(_path + Ending, _path, overwrite: false);
        _isComplete = true;
        DurableFiles.SyncDirectory(Path.GetDirectoryName(_path)!);
    }

    public void Dispose()
    {
        if (!_isComplete && !OperatingSystem.IsWindows())
        {
            File.Delete(_path + Ending);
        }

        Stream.Dispose();
        if (!_isComplete && OperatingSystem.IsWindows())
        {
            File.Delete(_path + Ending);
        }
    }
}
