using System.Runtime.InteropServices;
using Memoir.Kit.CommandLine;
using Memoir.Kit.Hosting;
using Memoir.Server.Admin;
using Memoir.Server.Commands.Audit;
using Memoir.Server.Commands.Backups;
using Memoir.Server.Commands.Copy;
using Memoir.Server.Commands.Demo;
using Memoir.Server.Commands.Doctor;
using Memoir.Server.Commands.Documents;
using Memoir.Server.Commands.Eval;
using Memoir.Server.Commands.Export;
using Memoir.Server.Commands.Healthcheck;
using Memoir.Server.Commands.Import;
using Memoir.Server.Commands.Loadtest;

namespace Memoir.Server.Commands;

/// <summary>Front door of this folder: the commands of the one program. A new one is a line in the table.</summary>
internal static class CommandTable
{
    private static readonly Command[] Commands =
    [
        DemoCommand.Definition, ImportCommand.Definition, ExportCommand.Definition, EvalCommand.Definition,
        ExportDocumentCommand.Definition, ImportDocumentCommand.Definition,
        MigrateCommand.Definition, CopyCommand.Definition, BackupCommand.Definition, RestoreCommand.Definition, RecoverCommand.Definition,
        AuditCommand.Definition, LoadtestCommand.Definition, HealthcheckCommand.Definition, DoctorCommand.Definition,
    ];

    public static Task<int> RunAsync(string[] args, Startup startup)
    {
        var terminal = new Lazy<Terminal>(() => Terminal.OfProcess(TimeProvider.System));
        switch (args)
        {
            case ["serve" or "api" or "worker", "--help" or "-h", ..]:
            case ["help", "serve" or "api" or "worker", ..]:
                return Print(terminal.Value, ServeHelp);
            case ["--version", ..]:
                return Print(terminal.Value, $"memoir {Product.Version}");
            case ["help" or "--help" or "-h"]:
                return Print(terminal.Value, Overview());
            case ["serve", .. var rest]:
                return Startup.ExplainAsync(() => startup.ServeAsync(ServerRole.Serve, rest));
            case ["api", .. var rest]:
                return Startup.ExplainAsync(() => startup.ServeAsync(ServerRole.Api, rest));
            case ["worker", .. var rest]:
                return Startup.ExplainAsync(() => startup.ServeAsync(ServerRole.Worker, rest));
            case [] or [['-', ..], ..]:
                return Startup.ExplainAsync(() => startup.ServeAsync(ServerRole.Serve, args)); // Settings of the host, such as --urls.
        }

        var name = args[0] is "help" or "--help" or "-h" ? args[1] : args[0];
        if (Array.Find(Commands, command => command.Name == name) is not { } command)
        {
            terminal.Value.Note($"there is no command {PrintableText.Of(name)}; there are serve, api, worker, {string.Join(", ", Commands.Select(command => command.Name))} (memoir help)");
            return Task.FromResult(ExitCode.Usage);
        }

        return name != args[0] || args.Skip(1).TakeWhile(arg => arg != "--").Any(arg => arg is "--help" or "-h")
            ? Print(terminal.Value, Help(command))
            : RunAsync(command, args[1..], new Surroundings(terminal.Value, startup, TimeProvider.System));
    }

    private static async Task<int> RunAsync(Command command, string[] args, Surroundings around)
    {
        using var stop = new CancellationTokenSource();
        void Stop(PosixSignalContext signal)
        {
            signal.Cancel = true;
            stop.Cancel();
        }

        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        try
        {
            return await Startup.ExplainAsync(() => command.RunAsync(Arguments.Parse(args, command.Options), around, stop.Token));
        }
        catch (CommandException refusal)
        {
            around.Terminal.Note($"{command.Name}: {refusal.Message}{(refusal.Code == ExitCode.Usage ? $" (memoir help {command.Name})" : "")}");
            return refusal.Code;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            around.Terminal.Note($"{command.Name}: interrupted");
            return ExitCode.Interrupted;
        }
    }

    private static Task<int> Print(Terminal terminal, string text)
    {
        terminal.Line(text);
        return Task.FromResult(ExitCode.Done);
    }

    private const string ServeHelp = """
        memoir serve     answers requests and does deferred work; the same happens without a command
        memoir api       answers requests; deferred work is left to workers (PostgreSQL)
        memoir worker    does deferred work; answers only health, readiness and metrics (PostgreSQL)

        Settings are environment variables, see docs/configuration.md and, for several processes, docs/deployment.md.
        """;

    private static string Overview() => $"""
        memoir {Product.Version}, a memory for AI assistants

        usage: memoir [command] [options]

          {"serve",-16} serve the API; the same without a command
          {"api",-16} serve the API without deferred work, beside workers (PostgreSQL)
          {"worker",-16} do the deferred work of all processes on one database (PostgreSQL)
        {string.Join('\n', Commands.Select(command => $"  {command.Name,-16} {command.Summary}"))}
          {"help",-16} this list, or help COMMAND

        From a clone, memoir is: dotnet run --project src/Memoir.Server --
        Settings are environment variables, see docs/configuration.md; exit codes and files, see docs/import.md and docs/eval.md.
        """;

    private static string Help(Command command)
    {
        var options = command.Options.Select(option => $"  {$"{option.Name} {option.Value}",-22} {option.Meaning}");
        return $"""
            usage: memoir {command.Name}{(command.Operand.Length > 0 ? " " : "")}{command.Operand} [options]

            {command.Details}

            {string.Join('\n', options)}
            """;
    }
}
