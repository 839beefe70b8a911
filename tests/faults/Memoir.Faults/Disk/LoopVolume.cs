namespace Memoir.Faults.Disk;

/// <summary>A file system in a file, mounted through a loop device, so that it can be full or lose its power. Needs root.</summary>
internal sealed class LoopVolume : IAsyncDisposable
{
    private const string Memory = "/dev/shm";

    private readonly string _image;
    private bool _isMounted;

    private LoopVolume(string image, string folder)
    {
        _image = image;
        Folder = folder;
    }

    /// <summary>Where it is mounted.</summary>
    public string Folder { get; }

    public long FreeBytes => new DriveInfo(Folder).AvailableFreeSpace;

    /// <param name="folder">An empty folder. The image lies in memory where it can: only the file system in it is cut off, and its syncs cost nothing.</param>
    /// <param name="fileSystem">The name that mkfs and mount know.</param>
    /// <param name="megabytes">The size of the image.</param>
    /// <param name="mkfsOptions">More arguments of mkfs.</param>
    public static async Task<LoopVolume> CreateAsync(string folder, string fileSystem, int megabytes, params string[] mkfsOptions)
    {
        var parent = Path.GetDirectoryName(folder)!;
        var image = Directory.Exists(Memory)
            ? Path.Combine(Memory, $"{Path.GetFileName(parent)}.{Path.GetFileName(folder)}.img") // run.sh knows it by its folder's name.
            : folder + ".img";
        var volume = new LoopVolume(image, folder);
        await using (var file = File.Create(volume._image))
        {
            file.SetLength(megabytes * 1024L * 1024L);
        }

        try
        {
            await Tool.RunAsync($"mkfs.{fileSystem}", ["-q", fileSystem == "ext4" ? "-F" : "-f", .. mkfsOptions, volume._image]);
            await volume.MountAsync();
        }
        catch (ToolException)
        {
            await volume.DisposeAsync();
            throw;
        }

        return volume;
    }

    /// <summary>The file system stops at once: neither cached pages nor its journal reach the disk any more.</summary>
    public Task CutAsync() => Tool.RunAsync("xfs_io", "-x", "-c", "shutdown", Folder);

    /// <summary>The power is back: mounts what the disk holds, which replays the journal of the file system.</summary>
    public async Task RemountAsync()
    {
        await UnmountAsync();
        await MountAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await UnmountAsync();
        File.Delete(_image);
    }

    private async Task MountAsync()
    {
        await Tool.RunAsync("mount", "-o", "loop", _image, Folder);
        _isMounted = true;
    }

    private async Task UnmountAsync()
    {
        for (var attempt = 0; _isMounted; attempt++)
        {
            // Busy for a moment after the last process is gone; --lazy at last, so that nothing is left behind.
            var (code, output) = await Tool.TryAsync("umount", attempt < 40 ? [Folder] : ["--lazy", Folder]);
            _isMounted = code != 0;
            if (_isMounted && attempt > 40)
            {
                throw new ToolException($"{Folder} cannot be unmounted: {output}");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(_isMounted ? 100 : 0));
        }
    }
}
