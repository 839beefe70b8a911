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

    private readonly ProgramRun _run;

    private ServerProcess(ProgramRun run, Uri address)
    {
        _run = run;
        Address = address;
    }

    public Uri Address { get; }

    public int Id => _run.Id;

    /// <summary>Starts it on a free port and returns when it answers.</summary>
    public static async Task<ServerProcess> StartAsync(string folder, params (string Name, string Value)[] variables)
    {
        var server = Begin(folder, variables);
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
    public static Task<Ending> RefuseAsync(string folder, params (string Name, string Value)[] variables) => RunAsync(folder, variables, []);

    /// <summary>Runs it with arguments until it ends.</summary>
    public static Task<Ending> RunAsync(string folder, params string[] arguments) => RunAsync(folder, [], arguments);

    /// <inheritdoc cref="RunAsync(string, string[])"/>
    public static async Task<Ending> RunAsync(string folder, (string Name, string Value)[] variables, params string[] arguments)
    {
        await using var command = Begin(folder, variables, arguments);
        return await command.ExitAsync();
    }

    /// <summary>Begins a command, to be killed in the middle or awaited.</summary>
    public static ServerProcess Begin(string folder, (string Name, string Value)[] variables, params string[] arguments)
    {
        // Other variables are read by what is not ours, some of it once in a process.
        if (variables.Any(variable => !variable.Name.StartsWith("MEMORY_", StringComparison.Ordinal)))
        {
            return Launch(["dotnet", Program, .. arguments], folder, variables);
        }

        var port = FreePort();
        return new ServerProcess(WarmRun.Begin(["dotnet", Program], Environment(folder, port, variables), arguments), AddressOf(port));
    }

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

    public void Terminate() => _run.Signal(15);

    /// <summary>kill -9: nothing is said, nothing is tidied.</summary>
    public void Kill() => _run.Signal(9);

    public async Task<Ending> ExitAsync()
    {
        using var limit = new CancellationTokenSource(Patience);
        var code = await _run.EndAsync(limit.Token);
        return new Ending(code, _run.Output, _run.Errors);
    }

    public HttpClient Client() => new() { BaseAddress = Address };

    public ValueTask DisposeAsync() => _run.DisposeAsync();

    private static ServerProcess Launch(string[] command, string folder, (string Name, string Value)[] variables)
    {
        var port = FreePort();
        return new ServerProcess(new ColdRun(command, Environment(folder, port, variables)), AddressOf(port));
    }

    private static Dictionary<string, string> Environment(string folder, int port, (string Name, string Value)[] variables)
    {
        var all = new Dictionary<string, string>
        {
            ["MEMORY_DATA_DIRECTORY"] = folder,
            ["MEMORY_PORT"] = $"{port}",
            ["MEMORY_DRAIN_SECONDS"] = "0",
            ["MEMORY_GLOBAL_RATE_LIMIT"] = "off",
            ["MEMORY_TENANT_RATE_LIMIT"] = "off",
        };
        foreach (var (name, value) in variables)
        {
            all[name] = value;
        }

        return all;
    }

    private static Uri AddressOf(int port) => new($"http://127.0.0.1:{port}");

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
            Assert.False(_run.HasEnded, $"The server ended: {_run.Errors} {_run.Output}");
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

    [DllImport("libc", EntryPoint = "chown")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int ChangeOwner(byte[] path, int owner, int group);

    /// <summary>How a process ended.</summary>
    internal sealed record Ending(int Code, string Output, string Errors)
    {
        public string[] ErrorLines => Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
