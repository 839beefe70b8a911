using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Memoir.Tests.Testing;

[assembly: AssemblyFixture(typeof(WarmProcesses))]

namespace Memoir.Tests.Testing;

/// <summary>What a warm process shall run: with these variables besides its own, and these files for what it says.</summary>
internal sealed record WarmRequest(Dictionary<string, string> Variables, string[] Arguments, string Output, string Errors);

/// <summary>
/// In a process that has run the program before (<see cref="StartupHook"/>), so that it need not be compiled again. To signals,
/// locks and files it is a process like any other; one that was killed runs nothing more.
/// </summary>
internal sealed class WarmRun : ProgramRun
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly WarmProcess _process;
    private readonly Task<int> _ending;

    private WarmRun(WarmProcess process, Task<int> ending)
    {
        _process = process;
        _ending = ending;
    }

    public override int Id => _process.Id;

    public override bool HasEnded => _ending.IsCompleted;

    public override string Output => WarmProcess.Read(_process.Output);

    public override string Errors => WarmProcess.Read(_process.Errors);

    /// <summary>Runs the command in a process that is idle, or in a new one.</summary>
    public static WarmRun Begin(string[] program, Dictionary<string, string> variables, string[] arguments)
    {
        var process = WarmProcesses.Take() ?? new WarmProcess(Start([.. program, "help"]));
        return new WarmRun(process, process.RunAsync(variables, arguments));
    }

    public override Task<int> EndAsync(CancellationToken ct) => _ending.WaitAsync(ct);

    public override async ValueTask DisposeAsync()
    {
        if (!_ending.IsCompleted)
        {
            Signal(WasSignalled ? 9 : 15); // Who was asked to stop and has not is in no hurry.
        }

        try
        {
            await _ending.WaitAsync(Patience);
        }
        catch (TimeoutException)
        {
            Signal(9);
            await _ending;
        }

        // A signal that came when the program had just ended ends the process.
        if (_process.HasExited || (WasSignalled && !await _process.AnswersAsync()))
        {
            await _process.DisposeAsync();
        }
        else
        {
            WarmProcesses.Give(_process);
        }
    }
}

/// <summary>A process that runs one command after another.</summary>
internal sealed class WarmProcess : IAsyncDisposable
{
    /// <summary>Who closed the pipe has ended or is about to.</summary>
    private static readonly TimeSpan Gone = TimeSpan.FromSeconds(5);

    private readonly Process _process;
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("memoir-warm-");

    public WarmProcess(ProcessStartInfo start)
    {
        start.RedirectStandardInput = true;
        start.Environment["DOTNET_STARTUP_HOOKS"] = typeof(WarmProcess).Assembly.Location;
        _process = Process.Start(start)!;
    }

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    public string Output => Path.Combine(_folder.FullName, "output");

    public string Errors => Path.Combine(_folder.FullName, "errors");

    /// <returns>The exit code of the command, or of the process where it ends in the middle.</returns>
    public async Task<int> RunAsync(Dictionary<string, string> variables, string[] arguments)
    {
        File.Delete(Output);
        File.Delete(Errors);
        if (await AskAsync(new WarmRequest(variables, arguments, Output, Errors)) is { } code)
        {
            return code;
        }

        await _process.WaitForExitAsync();
        return _process.ExitCode;
    }

    public async Task<bool> AnswersAsync() => await AskAsync(new WarmRequest([], ["help"], "/dev/null", "/dev/null")) is 0;

    private async Task<int?> AskAsync(WarmRequest request)
    {
        try
        {
            await _process.StandardInput.WriteLineAsync(JsonSerializer.Serialize(request));
            await _process.StandardInput.FlushAsync();
            return await _process.StandardOutput.ReadLineAsync() is { } code ? int.Parse(code, CultureInfo.InvariantCulture) : null;
        }
        catch (IOException) when (_process.WaitForExit(Gone))
        {
            return null;
        }
    }

    public static string Read(string path) => File.Exists(path) ? File.ReadAllText(path) : "";

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.StandardInput.Close(); // It ends by itself then, and notes what it covered.
        }

        await _process.WaitForExitAsync(CancellationToken.None);
        _process.Dispose();
        _folder.Delete(recursive: true);
    }
}

/// <summary>Those that are idle; they end with the tests.</summary>
public sealed class WarmProcesses : IAsyncDisposable
{
    private static readonly ConcurrentBag<WarmProcess> Idle = [];

    internal static WarmProcess? Take() => Idle.TryTake(out var process) ? process : null;

    internal static void Give(WarmProcess process) => Idle.Add(process);

    public async ValueTask DisposeAsync()
    {
        while (Idle.TryTake(out var process))
        {
            await process.DisposeAsync();
        }
    }
}
