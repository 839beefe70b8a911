using Memoir.Kit.CommandLine;

namespace Memoir.Server.Commands.Doctor;

/// <summary>What one check of <c>memoir doctor</c> found: a line of its output.</summary>
/// <param name="Level">Only an error makes the command fail.</param>
/// <param name="Check">What was looked at.</param>
/// <param name="Text">What it is like, and where it is not well, what to do.</param>
/// <param name="Code">How the command ends because of an error.</param>
internal sealed record Finding(FindingLevel Level, string Check, string Text, int Code = ExitCode.Done)
{
    public static Finding Ok(string check, string text) => new(FindingLevel.Ok, check, text);

    public static Finding Warning(string check, string text) => new(FindingLevel.Warning, check, text);

    public static Finding Error(string check, string text, int code) => new(FindingLevel.Error, check, text, code);
}

/// <summary>How well a thing is.</summary>
internal enum FindingLevel
{
    Ok,
    Warning,
    Error,
}
