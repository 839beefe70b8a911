namespace Memoir.Kit.CommandLine;

/// <summary>How a command ended, in the numbers of sysexits.h that shells and service managers know.</summary>
public static class ExitCode
{
    public const int Done = 0;

    /// <summary>What was measured is not what was asked for.</summary>
    public const int Missed = 1;

    /// <summary>The command line is wrong.</summary>
    public const int Usage = 64;

    /// <summary>Some or all of the input was refused.</summary>
    public const int Data = 65;

    /// <summary>The input is not there or cannot be read.</summary>
    public const int NoInput = 66;

    /// <summary>A server or a database is needed that cannot be reached; trying again later may help.</summary>
    public const int Unavailable = 69;

    /// <summary>The server wants a credential, or another one.</summary>
    public const int NotAllowed = 77;

    /// <summary>A setting is wrong: starting again without a change is no use.</summary>
    public const int Configuration = 78;

    /// <summary>Interrupted by Ctrl-C or SIGTERM, as shells count it.</summary>
    public const int Interrupted = 130;
}

/// <summary>A command cannot go on; its message is the one line that the person sees.</summary>
public sealed class CommandException(int code, string message) : Exception(message)
{
    /// <summary>One of <see cref="ExitCode"/>.</summary>
    public int Code { get; } = code;
}
