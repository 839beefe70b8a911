using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace Memoir.Tests.Testing;

/// <summary>The program while it runs, and what it said.</summary>
internal abstract class ProgramRun : IAsyncDisposable
{
    public abstract int Id { get; }

    public abstract bool HasEnded { get; }

    public abstract string Output { get; }

    public abstract string Errors { get; }

    /// <summary>Waits until it has ended.</summary>
    /// <returns>The exit code.</returns>
    public abstract Task<int> EndAsync(CancellationToken ct);

    /// <summary>Ends it where it has not ended by itself.</summary>
    public abstract ValueTask DisposeAsync();

    protected bool WasSignalled { get; private set; }

    public void Signal(int signal)
    {
        WasSignalled = true;
        Assert.Equal(0, Kill(Id, signal));
    }

    /// <summary>The environment of the tests, without what is set for Memoir in it.</summary>
    protected static ProcessStartInfo Start(string[] command)
    {
        var start = new ProcessStartInfo(command[0], command[1..]) { RedirectStandardOutput = true };
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("MEMORY_", StringComparison.Ordinal)).ToList())
        {
            start.Environment.Remove(name);
        }

        start.Environment.Remove("JWT_SECRET_KEY");
        start.Environment.Remove("ASPNETCORE_URLS");
        start.Environment["DOTNET_TC_QuickJitForLoops"] = "1"; // A quarter of the start; no test lives long enough to miss what it gives.
        return start;
    }

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Kill(int process, int signal);
}

/// <summary>In a process of its own.</summary>
internal sealed class ColdRun : ProgramRun
{
    private readonly Process _process;
    private readonly StringBuilder _output = new();
    private readonly StringBuilder _errors = new();
    private readonly TaskCompletionSource _outputEnded = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _errorsEnded = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public ColdRun(string[] command, Dictionary<string, string> variables)
    {
        var start = Start(command);
        start.RedirectStandardError = true;
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

    public override int Id => _process.Id;

    public override bool HasEnded => _process.HasExited;

    public override string Output => Text(_output);

    public override string Errors => Text(_errors);

    public override async Task<int> EndAsync(CancellationToken ct)
    {
        await _process.WaitForExitAsync(ct);
        await Task.WhenAll(_outputEnded.Task, _errorsEnded.Task).WaitAsync(ct);
        return _process.ExitCode;
    }

    public override async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        await _process.WaitForExitAsync(CancellationToken.None);
        _process.Dispose();
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
}
