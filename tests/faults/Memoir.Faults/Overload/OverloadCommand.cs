namespace Memoir.Faults.Overload;

/// <summary>Shows what a flood costs those who send none: within limits, without them, refused, and beyond what the machine can do.</summary>
internal static class OverloadCommand
{
    public static async Task<int> RunAsync(string[] args, CancellationToken ct)
    {
        OverloadOptions options;
        try
        {
            options = OverloadOptions.Parse(args);
        }
        catch (Exception error) when (error is ArgumentException or FormatException)
        {
            Console.Error.WriteLine(error.Message);
            return 64;
        }

        if (!File.Exists(options.ServerPath))
        {
            Console.Error.WriteLine($"The server is not built: {options.ServerPath}");
            return 66;
        }

        var run = new OverloadRun(options);
        await run.RunAsync(ct);
        if (options.Seeded is { } seeded)
        {
            Console.WriteLine(run.Broken > 0 ? $"overload: {seeded} was found, as it must be" : $"overload: {seeded} was NOT FOUND");
            return run.Broken > 0 ? 0 : 1;
        }

        Console.WriteLine(run.Broken == 0 ? "overload: all within bounds" : $"overload: {run.Broken} OUT OF BOUNDS");
        return run.Broken == 0 ? 0 : 1;
    }
}
