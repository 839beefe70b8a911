using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Memoir.Kit.Files;

/// <summary>
/// The system's own fsync, because .NET 10.0.12's <c>FileStream.Flush(true)</c> was measured to return normally when
/// fsync fails, and because managed code cannot open a folder to sync it.
/// </summary>
internal static partial class NativeSync
{
    private const int Interrupted = 4;
    private const int ReadOnly = 0;
    private const int CloseOnExecLinux = 0x80000;
    private const int CloseOnExecMac = 0x1000000;
    private const int FullSyncMac = 51;

    public static void File(SafeFileHandle file)
    {
        if (OperatingSystem.IsWindows())
        {
            RandomAccess.FlushToDisk(file);
            return;
        }

        var added = false;
        try
        {
            file.DangerousAddRef(ref added);
            Sync((int)file.DangerousGetHandle(), "the file");
        }
        finally
        {
            if (added)
            {
                file.DangerousRelease();
            }
        }
    }

    /// <summary>Does nothing on Windows, which writes names through and cannot sync a folder.</summary>
    public static void Directory(string folder)
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        // Opened without O_CREAT, so the variadic mode is not read and the plain signature is right on every ABI.
        var descriptor = Open(folder, ReadOnly | (OperatingSystem.IsMacOS() ? CloseOnExecMac : CloseOnExecLinux));
        if (descriptor < 0)
        {
            throw Fault("open", folder);
        }

        try
        {
            Sync(descriptor, folder);
        }
        finally
        {
            // Its result says nothing more: what mattered was synced above.
            _ = Close(descriptor);
        }
    }

    private static void Sync(int descriptor, string what)
    {
        // macOS: fsync leaves the bytes in the drive's cache. Not every file system knows the stronger call.
        if (OperatingSystem.IsMacOS() && FileControl(descriptor, FullSyncMac) == 0)
        {
            return;
        }

        // Only an interruption is tried again: after a real failure the kernel forgets the dirty pages and would say "done".
        while (FSync(descriptor) != 0)
        {
            if (Marshal.GetLastPInvokeError() != Interrupted)
            {
                throw Fault("fsync", what);
            }
        }
    }

    private static IOException Fault(string call, string what)
    {
        var error = Marshal.GetLastPInvokeError();
        return new IOException($"{call} of {what} failed: {Marshal.GetPInvokeErrorMessage(error)} (errno {error}).");
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int FSync(int descriptor);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int FileControl(int descriptor, int command);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int descriptor);
}
