using System.Diagnostics;

namespace Memoir.Faults.Disk;

/// <summary>Runs a program of the system and waits for its end.</summary>
internal static class Tool
{
    /// <exception cref="ToolException">It failed.</exception>
    public static async Task<string> RunAsync(string program, params string[] arguments)
    {
        var (code, output) = await TryAsync(program, arguments);
        return code == 0 ? output : throw new ToolException($"{program} {string.Join(' ', arguments)}: {code} {output}");
    }

    public static async Task<(int Code, string Output)> TryAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(
            new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var output = await Task.WhenAll(process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        return (process.ExitCode, string.Concat(output).Trim());
    }
}

/// <summary>The machine did not do what the test needs; that says nothing about the server.</summary>
internal sealed class ToolException(string message) : Exception(message);
