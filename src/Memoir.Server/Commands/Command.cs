using Memoir.Kit.CommandLine;

namespace Memoir.Server.Commands;

/// <summary>One command: what the help says about it, the options it reads, and what it does.</summary>
/// <param name="Name">The word after <c>memoir</c>.</param>
/// <param name="Operand">What it takes besides options; empty when nothing.</param>
/// <param name="Summary">One line for the list of commands.</param>
/// <param name="Details">What a person needs to know before running it.</param>
/// <param name="Options">Everything it reads; any other option is refused.</param>
/// <param name="RunAsync">Does it, and answers its exit code.</param>
internal sealed record Command(
    string Name, string Operand, string Summary, string Details, IReadOnlyList<CommandOption> Options, CommandRun RunAsync);

/// <summary>The work of a command.</summary>
internal delegate Task<int> CommandRun(Arguments arguments, Surroundings around, CancellationToken ct);

/// <summary>What every command may use: where to write, the server to start when none runs, the clock.</summary>
internal sealed record Surroundings(Terminal Terminal, Startup Startup, TimeProvider Time);
