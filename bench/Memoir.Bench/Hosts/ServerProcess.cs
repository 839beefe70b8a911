using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Memoir.Bench.Hosts;

/// <summary>A server as a child process on a port of its own: started, asked for its size, stopped or killed.</summary>
internal sealed class ServerProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly Queue<string> _lastLines = new();
    private bool _disposed;

    private ServerProcess(ProcessStartInfo start, int port)
    {
        Endpoint = new IPEndPoint(IPAddress.Loopback, port);
        StartedAt = Stopwatch.GetTimestamp();
        _process = Process.Start(start) ?? throw new InvalidOperationException($"{start.FileName} did not start.");
        _process.OutputDataReceived += (_, line) => Remember(line.Data);
        _process.ErrorDataReceived += (_, line) => Remember(line.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public IPEndPoint Endpoint { get; }

    /// <summary>A <see cref="Stopwatch"/> timestamp taken just before the process was created.</summary>
    public long StartedAt { get; }

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    public long ResidentBytes => StatusKilobytes("VmRSS:") * 1024;

    /// <summary>Processor time of all threads, user and kernel, since the start.</summary>
    public double CpuSeconds => _process.HasExited ? 0 : Refreshed().TotalProcessorTime.TotalSeconds;

    /// <summary>Bytes that the process caused to be written to the disk, by itself or by the kernel on its behalf.</summary>
    public long WrittenBytes => Field("io", "write_bytes:", "") ?? 0;

    public long PeakResidentBytes => StatusKilobytes("VmHWM:") * 1024;

    /// <summary>The end of what the server wrote, for the message when it fails.</summary>
    public string LastLines
    {
        get
        {
            lock (_lastLines)
            {
                return string.Join(Environment.NewLine, _lastLines);
            }
        }
    }

    public static ServerProcess Start(
        string command, IEnumerable<string> arguments, int port, IReadOnlyDictionary<string, string> settings)
    {
        var start = new ProcessStartInfo(command, arguments)
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };

        // The child sees the machine's environment without what steers this process or another server.
        foreach (var name in start.Environment.Keys.Where(Steers).ToList())
        {
            start.Environment.Remove(name);
        }

        foreach (var (name, value) in settings)
        {
            start.Environment[name] = value;
        }

        return new ServerProcess(start, port);
    }

    /// <summary>The host that runs a .dll: the one this process came from, or the one on the path.</summary>
    public static string DotnetHost => Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";

    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>kill -9: no handler runs, nothing is flushed.</summary>
    public void Kill() => _process.Kill();

    /// <summary>kill -9, and back when the process is gone.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync(CancellationToken.None);
    }

    /// <summary>SIGTERM, then at most the given time; returns the exit code, or null when it had to be killed.</summary>
    public async Task<int?> StopAsync(TimeSpan patience, CancellationToken ct)
    {
        if (!_process.HasExited)
        {
            using var kill = Process.Start("kill", ["-TERM", _process.Id.ToString(CultureInfo.InvariantCulture)]);
            await kill.WaitForExitAsync(ct);
        }

        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(ct);
        timeout.CancelAfter(patience);
        try
        {
            await _process.WaitForExitAsync(timeout.Token);
            return _process.ExitCode;
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            await KillAsync();
            return null;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_disposed)
        {
            await KillAsync();
            _disposed = true;
            _process.Dispose();
        }
    }

    private static bool Steers(string name) =>
        name.StartsWith("MEMORY_", StringComparison.Ordinal)
        || name.StartsWith("ASPNETCORE_", StringComparison.Ordinal)
        || name.StartsWith("DOTNET_SYSTEM_NET_SOCKETS_", StringComparison.Ordinal);

    private void Remember(string? line)
    {
        if (line is null)
        {
            return;
        }

        lock (_lastLines)
        {
            _lastLines.Enqueue(line);
            if (_lastLines.Count > 40)
            {
                _lastLines.Dequeue();
            }
        }
    }

    private Process Refreshed()
    {
        _process.Refresh();
        return _process;
    }

    private long StatusKilobytes(string field) => Field("status", field, "kB") ?? 0;

    private long? Field(string file, string field, string unit)
    {
        var line = File.ReadLines($"/proc/{_process.Id}/{file}")
            .FirstOrDefault(line => line.StartsWith(field, StringComparison.Ordinal));
        return line is null ? null : long.Parse(line[field.Length..^unit.Length].Trim(), CultureInfo.InvariantCulture);
    }
}
