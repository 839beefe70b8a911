using System.Runtime.InteropServices;

namespace Memoir.Bench.Limits;

/// <summary>Processor time of the calling thread: what work costs, whatever else the machine is doing.</summary>
internal static partial class ThreadClock
{
    private const int ThreadCpuTime = 3;

    public static TimeSpan Now
    {
        get
        {
            var status = clock_gettime(ThreadCpuTime, out var time);
            return status == 0
                ? TimeSpan.FromSeconds(time.Seconds) + TimeSpan.FromMicroseconds(time.Nanoseconds / 1000.0)
                : throw new PlatformNotSupportedException("The system has no clock of a thread's processor time.");
        }
    }

    [LibraryImport("libc")]
    private static partial int clock_gettime(int clock, out Timespec time);

    [StructLayout(LayoutKind.Sequential)]
    private struct Timespec
    {
        public nint Seconds;
        public nint Nanoseconds;
    }
}
