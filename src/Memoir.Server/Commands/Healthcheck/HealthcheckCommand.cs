using System.Net;
using Memoir.Kit.CommandLine;
using Memoir.Server.Commands.Connections;

namespace Memoir.Server.Commands.Healthcheck;

/// <summary>Asks the server of this machine how it is, for container engines whose image has no HTTP client.</summary>
internal static class HealthcheckCommand
{
    public static Command Definition { get; } = new(
        "healthcheck",
        "",
        "ask the running server whether it is well",
        """
        Exits with 0 when the server that the settings describe answers GET /health, else with 69 and one line that says why.
        It shows no key and waits 5 seconds at most.
        """,
        [
            new CommandOption("--ready", null, "ask GET /v1/admin/readiness: should it get requests?"),
            new CommandOption("--url", "ADDRESS", "another server than the settings describe"),
        ],
        RunAsync);

    private static async Task<int> RunAsync(Arguments arguments, Surroundings around, CancellationToken ct)
    {
        arguments.RefuseOperands();
        var address = ServerAddress.From(arguments.Text("--url"));
        using var client = new MemoirClient(address.Url, key: null, around.Time);
        var isReadiness = arguments.Has("--ready");
        var status = await client.ProbeAsync(isReadiness ? "v1/admin/readiness" : "health", ct);
        if (status is not HttpStatusCode.OK)
        {
            throw new CommandException(
                ExitCode.Unavailable, status is null ? $"no Memoir answers at {address.Url}" : $"the server at {address.Url} answered {(int)status}");
        }

        around.Terminal.Line(isReadiness ? "ready" : "alive");
        return ExitCode.Done;
    }
}
