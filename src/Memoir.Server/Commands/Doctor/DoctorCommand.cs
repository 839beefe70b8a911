using Memoir.Kit.CommandLine;
using Memoir.Kit.Data;
using Memoir.Kit.Settings;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Commands.Doctor;

/// <summary>Looks at everything a start depends on, and says what is not well before users do.</summary>
internal static class DoctorCommand
{
    public static Command Definition { get; } = new(
        "doctor",
        "",
        "check settings, database, clock, isolation, disk, backups, embeddings",
        """
        Prints a line for each check: ok, warning or error. Changes nothing, and works beside a running server. An embedding
        provider is asked for one vector.

        Exit code 0: no error. 78: a setting, the secret or the isolation of tenants is wrong. 65: the database is damaged.
        69: something cannot be reached or has run out. Of several errors the first decides.
        """,
        [],
        RunAsync);

    private static async Task<int> RunAsync(Arguments arguments, Surroundings around, CancellationToken ct)
    {
        arguments.RefuseOperands();
        var findings = await ExamineAsync(around, ct);
        foreach (var finding in findings)
        {
            around.Terminal.Line($"{Word(finding.Level),-8} {finding.Check,-14} {finding.Text}");
        }

        return findings.FirstOrDefault(finding => finding.Level == FindingLevel.Error)?.Code ?? ExitCode.Done;
    }

    private static async Task<IReadOnlyList<Finding>> ExamineAsync(Surroundings around, CancellationToken ct)
    {
        try
        {
            return await around.Startup.UseAsync(async services =>
            {
                var options = services.GetRequiredService<IOptions<DatabaseOptions>>().Value;
                var machine = new MachineCheckup(services, options, around.Time);
                var database = new DatabaseCheckup(services, options, around.Time);
                return (IReadOnlyList<Finding>)
                [
                    machine.Configuration(),
                    machine.Secret(),
                    .. await database.RunAsync(ct),
                    await machine.DiskAsync(ct),
                    machine.Backups(),
                    await machine.EmbeddingsAsync(ct),
                ];
            });
        }
        catch (Exception exception) when (SettingsSetup.Explain(exception) is { } lines)
        {
            return [.. lines.Split(Environment.NewLine).Select(line => Finding.Error("configuration", line, ExitCode.Configuration))];
        }
    }

    private static string Word(FindingLevel level) => level switch
    {
        FindingLevel.Ok => "ok",
        FindingLevel.Warning => "warning",
        _ => "error",
    };
}
