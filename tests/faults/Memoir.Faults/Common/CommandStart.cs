namespace Memoir.Faults.Common;

/// <summary>How every command begins: it understands its arguments and finds its server, or ends with a code of sysexits.h.</summary>
internal static class CommandStart
{
    private const int WrongUsage = 64;
    private const int NoInput = 66;

    /// <returns>The options, or null and the code to end with.</returns>
    public static (T? Options, int ExitCode) Parse<T>(Func<T> parse, Func<T, string> serverPath)
        where T : class
    {
        T options;
        try
        {
            options = parse();
        }
        catch (Exception error) when (error is ArgumentException or FormatException)
        {
            Console.Error.WriteLine(error.Message);
            return (null, WrongUsage);
        }

        if (!File.Exists(serverPath(options)))
        {
            Console.Error.WriteLine($"The server is not built: {serverPath(options)}");
            return (null, NoInput);
        }

        return (options, 0);
    }
}
