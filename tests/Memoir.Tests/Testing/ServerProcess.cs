using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;

namespace Memoir.Tests.Testing;

/// <summary>The real program as a process of its own: for starts that are refused, signals, and faults of its storage.</summary>
internal sealed class ServerProcess : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private static readonly string Program = Path.Combine(AppContext.BaseDirectory, "Memoir.Server.dll");

    // As the build left it: what measures coverage changes the copy beside the tests, and cannot write its notes as another user.
    private static readonly string Untouched = Path.GetFullPath(Path.Combine(
        AppContext.BaseDirectory, "../../Memoir.Server", Path.GetFileName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory)), "Memoir.Server.dll"));

    private readonly Process _process;
    private readonly StringBuilder _output = new();
    private readonly StringBuilder _errors = new();
    private readonly TaskCompletionSource _outputEnded = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _errorsEnded = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private ServerProcess(string[] command, Uri address, IEnumerable<(string Name, string Value)> variables)
    {
        Address = address;
        var start = new ProcessStartInfo(command[0]) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in command[1..])
        {
            start.ArgumentList.Add(argument);
        }

        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("MEMORY_", StringComparison.Ordinal)).ToList())
        {
            start.Environment.Remove(name);
        }

        start.Environment.Remove("ASPNETCORE_URLS");
        start.Environment["DOTNET_TC_QuickJitForLoops"] = "1"; // A quarter of the start; no test lives long enough to miss what it gives.
        foreach (var (name, value) in variables)
        {
            start.Environment[name] = value;
        }

        _process = new Process { StartInfo = start };
        _process.OutputDataReceived += (_, line) => Take(_output, line.Data, _outputEnded);
        _process.ErrorDataReceived += (_, line) => Take(_errors, line.Data, _errorsEnded);
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public Uri Address { get; }

    public int Id => _process.Id;

    /// <summary>Starts it on a free port and returns when it answers.</summary>
    public static async Task<ServerProcess> StartAsync(string folder, params (string Name, string Value)[] variables)
    {
        var server = Launch(["dotnet", Program], folder, variables);
        await server.AnswersAsync();
        return server;
    }

    /// <summary>The same in a role of its own: api or worker.</summary>
    public static async Task<ServerProcess> StartAsAsync(string role, string folder, params (string Name, string Value)[] variables)
    {
        var server = Begin(folder, variables, role);
        await server.AnswersAsync();
        return server;
    }

    /// <summary>The same through a shell, which replaces itself by the program: for limits and signals set before it.</summary>
    public static async Task<ServerProcess> StartInShellAsync(string folder, string before, params (string Name, string Value)[] variables)
    {
        var server = Launch(["sh", "-c", $"{before}; exec dotnet '{Program}'"], folder, variables);
        await server.AnswersAsync();
        return server;
    }

    /// <summary>Runs it where it cannot start, and tells how it ended and what it said.</summary>
    public static async Task<Ending> RefuseAsync(string folder, params (string Name, string Value)[] variables)
    {
        await using var server = Launch(["dotnet", Program], folder, variables);
        return await server.ExitAsync();
    }

    /// <summary>Runs it with arguments until it ends.</summary>
    public static Task<Ending> RunAsync(string folder, params string[] arguments) => RunAsync(folder, [], arguments);

    /// <inheritdoc cref="RunAsync(string, string[])"/>
    public static async Task<Ending> RunAsync(string folder, (string Name, string Value)[] variables, params string[] arguments)
    {
        await using var command = Begin(folder, variables, arguments);
        return await command.ExitAsync();
    }

    /// <summary>Begins a command, to be killed in the middle or awaited.</summary>
    public static ServerProcess Begin(string folder, (string Name, string Value)[] variables, params string[] arguments) =>
        Launch(["dotnet", Program, .. arguments], folder, variables);

    /// <summary>The same as another user, who is not allowed everything.</summary>
    public static async Task<Ending> RefuseAsNobodyAsync(string folder, params (string Name, string Value)[] variables)
    {
        await using var server = Launch(
            ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "dotnet", Untouched],
            folder,
            [("HOME", folder), .. variables]);
        return await server.ExitAsync();
    }

    /// <summary>Makes a folder and what is in it the property of that user.</summary>
    public static void GiveToNobody(string folder)
    {
        foreach (var path in (string[])[folder, .. Directory.GetFileSystemEntries(folder)])
        {
            Assert.Equal(0, ChangeOwner(Encoding.UTF8.GetBytes(path + '\0'), 65534, 65534));
        }
    }

    public void Terminate() => Assert.Equal(0, Kill(_process.Id, 15));

    /// <summary>kill -9: nothing is said, nothing is tidied.</summary>
    public void Kill() => Assert.Equal(0, Kill(_process.Id, 9));

    public async Task<Ending> ExitAsync()
    {
        using var limit = new CancellationTokenSource(Patience);
        await _process.WaitForExitAsync(limit.Token);
        await Task.WhenAll(_outputEnded.Task, _errorsEnded.Task).WaitAsync(limit.Token);
        return new Ending(_process.ExitCode, Text(_output), Text(_errors));
    }

    public HttpClient Client() => new() { BaseAddress = Address };

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        await _process.WaitForExitAsync(CancellationToken.None);
        _process.Dispose();
    }

    private static ServerProcess Launch(string[] command, string folder, (string Name, string Value)[] variables)
    {
        var port = FreePort();
        return new ServerProcess(
            command,
            new Uri($"http://127.0.0.1:{port}"),
            [("MEMORY_DATA_DIRECTORY", folder), ("MEMORY_PORT", $"{port}"), ("MEMORY_DRAIN_SECONDS", "0"), ("MEMORY_GLOBAL_RATE_LIMIT", "off"), ("MEMORY_TENANT_RATE_LIMIT", "off"), .. variables]);
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private async Task AnswersAsync()
    {
        using var client = Client();
        using var limit = new CancellationTokenSource(Patience);
        while (true)
        {
            Assert.False(_process.HasExited, $"The server ended: {Text(_errors)} {Text(_output)}");
            try
            {
                using var answer = await client.GetAsync(new Uri("/health", UriKind.Relative), limit.Token);
                return;
            }
            catch (HttpRequestException)
            {
                await Task.Delay(10, limit.Token); // Refused connections are the only sign of a server not there yet.
            }
        }
    }

    private static void Take(StringBuilder text, string? line, TaskCompletionSource ended)
    {
        if (line is null)
        {
            ended.TrySetResult();
            return;
        }

        lock (text)
        {
            text.Append(line).Append('\n');
        }
    }

    private static string Text(StringBuilder text)
    {
        lock (text)
        {
            return text.ToString();
        }
    }

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Kill(int process, int signal);

    [DllImport("libc", EntryPoint = "chown")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int ChangeOwner(byte[] path, int owner, int group);

    /// <summary>How a process ended.</summary>
    internal sealed record Ending(int Code, string Output, string Errors)
    {
        public string[] ErrorLines => Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
