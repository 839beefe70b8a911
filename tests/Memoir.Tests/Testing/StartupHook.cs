using System.Reflection;
using System.Runtime.InteropServices;
using System.Text.Json;
using Memoir.Tests.Testing;

/// <summary>
/// Runs inside the real program before its own Main (<c>DOTNET_STARTUP_HOOKS</c>) and calls that Main for one command after another,
/// so that a command costs what it does and not, each time, what a new process takes to compile it. The runtime asks for this name,
/// without a namespace.
/// </summary>
internal static class StartupHook
{
    private static readonly Dictionary<Assembly, MethodInfo?> Trackers = [];

    private const int StandardOutput = 1;
    private const int StandardErrors = 2;

    public static void Initialize()
    {
        // Standard output goes to each command's own file; what is said to the tests goes where it went before.
        using var answers = new StreamWriter(new FileStream(new Microsoft.Win32.SafeHandles.SafeFileHandle(dup(StandardOutput), ownsHandle: true), FileAccess.Write));
        using var requests = new StreamReader(Console.OpenStandardInput());
        var main = Assembly.LoadFrom(Environment.GetCommandLineArgs()[0]).EntryPoint!;
        while (requests.ReadLine() is { } line)
        {
            var code = Run(main, JsonSerializer.Deserialize<WarmRequest>(line)!);
            NoteCoverage();
            answers.WriteLine(code);
            answers.Flush();
        }

        // Then Main runs as it would have, with what it was started with, and the process ends as others do.
    }

    private static int Run(MethodInfo main, WarmRequest request)
    {
        using var output = File.OpenHandle(request.Output, FileMode.Create, FileAccess.Write);
        using var errors = File.OpenHandle(request.Errors, FileMode.Create, FileAccess.Write);
        _ = dup2((int)output.DangerousGetHandle(), StandardOutput);
        _ = dup2((int)errors.DangerousGetHandle(), StandardErrors);
        using var outputWriter = new StreamWriter(Console.OpenStandardOutput()) { AutoFlush = true };
        using var errorWriter = new StreamWriter(Console.OpenStandardError()) { AutoFlush = true };
        Console.SetOut(outputWriter);
        Console.SetError(errorWriter);
        foreach (var (name, value) in request.Variables)
        {
            Environment.SetEnvironmentVariable(name, value);
        }

        try
        {
            return main.Invoke(null, [request.Arguments]) as int? ?? 0;
        }
        catch (TargetInvocationException error)
        {
            errorWriter.WriteLine($"Unhandled exception. {error.InnerException}");
            return 134; // What is left of a process that ends so.
        }
        finally
        {
            foreach (var name in request.Variables.Keys)
            {
                Environment.SetEnvironmentVariable(name, null);
            }

            Console.SetOut(TextWriter.Null);
            Console.SetError(TextWriter.Null);
        }
    }

    /// <summary>What coverlet put into the program notes at a process's end what has run; this process may be killed before.</summary>
    private static void NoteCoverage()
    {
        foreach (var assembly in AppDomain.CurrentDomain.GetAssemblies().Where(one => one.GetName().Name is "Memoir.Server" or "Memoir.Kit"))
        {
            if (!Trackers.TryGetValue(assembly, out var tracker))
            {
                tracker = Array.Find(assembly.GetTypes(), type => type.Namespace is "Coverlet.Core.Instrumentation.Tracker")?.GetMethod("UnloadModule");
                Trackers.Add(assembly, tracker);
            }

            tracker?.Invoke(null, [null, EventArgs.Empty]);
        }
    }

    [DllImport("libc", EntryPoint = "dup")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int dup(int handle);

    [DllImport("libc", EntryPoint = "dup2")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int dup2(int handle, int target);
}
