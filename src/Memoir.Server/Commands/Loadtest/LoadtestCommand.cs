using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using Memoir.Kit.CommandLine;
using Memoir.Server.Access;
using Memoir.Server.Commands.Connections;

namespace Memoir.Server.Commands.Loadtest;

/// <summary>Puts load on a server and says how it took it; other tenants' data is neither read nor written.</summary>
internal static class LoadtestCommand
{
    private const string Prefix = "loadtest-";
    private const int StoredFirst = 500;
    private const int StandardSeconds = 10;

    public static Command Definition { get; } = new(
        "loadtest",
        "",
        "put load on a server and measure how it answers",
        """
        Stores, searches and lists in a tenant of its own, from several connections at once, and prints for each kind of
        request how many succeeded, how long they took, and how often a limit (429) or an overload (503) was met. With a
        server running that one is asked, else one inside this process on a database that goes afterwards. The tenant is
        erased at the end, which takes an operator's key. The key is read from MEMORY_API_KEY.

        Ends with 1 when fewer requests succeeded than --min-success asks for; 429 and 503 are not counted among them.
        """,
        [
            new CommandOption("--requests", "N", "how many requests in all"),
            new CommandOption("--duration", "SECONDS", "how long; 10 when neither is given"),
            new CommandOption("--concurrency", "N", "requests at once, 1..1000; 8 when absent"),
            new CommandOption("--mix", "LIST", $"what is asked how often; {LoadMix.Standard} when absent"),
            new CommandOption("--min-success", "PERCENT", "least share of successes, 0..100; 99 when absent"),
            new CommandOption("--json", null, "print the figures as JSON"),
            new CommandOption("--tenant", "NAME", $"the tenant to use; begins with {Prefix}"),
            new CommandOption("--keep", null, "do not erase the tenant afterwards"),
            new CommandOption("--url", "ADDRESS", "the server to ask, and no other"),
        ],
        RunAsync);

    private static async Task<int> RunAsync(Arguments arguments, Surroundings around, CancellationToken ct)
    {
        arguments.RefuseOperands();
        var plan = Plan(arguments);
        var least = LeastSuccess(arguments);
        var address = ServerAddress.From(arguments.Text("--url"));
        var running = await Connection.TryRunningAsync(address, around, ct);
        if (running is null && address.IsStated)
        {
            throw new CommandException(ExitCode.Unavailable, $"no Memoir answers at {address.Url}");
        }

        await using var connection = running ?? await Connection.ScratchAsync(around, ct);
        var isErased = !connection.IsOwn && !arguments.Has("--keep") && await IsNewAsync(connection.Client, plan.Tenant, ct);
        LoadReport report;
        try
        {
            report = await MeasureAsync(connection, plan, around, ct);
        }
        finally
        {
            if (isErased)
            {
                await EraseAsync(connection.Client, plan.Tenant, around.Terminal);
            }
        }

        if (arguments.Has("--json"))
        {
            around.Terminal.Line(JsonSerializer.Serialize(report, LoadJson.Default.LoadReport));
        }
        else
        {
            around.Terminal.Line(connection.IsOwn ? "No server runs here, so this one was inside the command." : $"The server at {connection.Client.Url}, tenant {plan.Tenant}.");
            around.Terminal.Line();
            report.Print(around.Terminal);
        }

        if (report.All.SuccessRate is { } rate && rate >= least)
        {
            return ExitCode.Done;
        }

        around.Terminal.Note(string.Create(
            CultureInfo.InvariantCulture, $"loadtest: {(report.All.SuccessRate is { } reached ? $"{reached} % succeeded, less than {least} %" : "every request met a limit or an overload")}"));
        return ExitCode.Missed;
    }

    private static async Task<LoadReport> MeasureAsync(Connection connection, LoadPlan plan, Surroundings around, CancellationToken ct)
    {
        if (await connection.Client.StoreAsync(new LoadText(plan.Tenant, seed: 0).Batch(StoredFirst), ct) is null)
        {
            throw new CommandException(ExitCode.Data, "the server takes only smaller requests");
        }

        var run = new LoadRun(connection.Client, plan, around.Time);
        var (counts, took) = await run.RunAsync(() => around.Terminal.Progress(() => FormattableString.Invariant($"requests answered: {run.Done:N0}")), ct);
        var all = new LoadCounts();
        foreach (var operation in counts)
        {
            all.Add(operation);
        }

        return new LoadReport
        {
            Url = connection.Client.Url.ToString(),
            OwnServer = connection.IsOwn,
            Tenant = plan.Tenant,
            Concurrency = plan.Concurrency,
            Seconds = Math.Round(took.TotalSeconds, 3),
            All = all.Row("all", took),
            Operations = [.. counts.Select((operation, i) => operation.Row(LoadMix.Operations[i], took))],
        };
    }

    private static LoadPlan Plan(Arguments arguments)
    {
        var (hasRequests, hasDuration) = (arguments.Has("--requests"), arguments.Has("--duration"));
        if (hasRequests && hasDuration)
        {
            throw new CommandException(ExitCode.Usage, "--requests or --duration, not both");
        }

        var seconds = arguments.Number("--duration", StandardSeconds, 1, 86_400);
        return new LoadPlan(
            Tenant(arguments.Text("--tenant")),
            LoadMix.Parse(arguments.Text("--mix") ?? LoadMix.Standard),
            arguments.Number("--concurrency", 8, 1, 1000),
            hasRequests ? arguments.Number("--requests", 0, 1, 1_000_000_000) : long.MaxValue,
            hasRequests ? TimeSpan.MaxValue : TimeSpan.FromSeconds(seconds));
    }

    /// <summary>Only a name that nobody gives to data: the tenant is filled, and erased.</summary>
    private static string Tenant(string? stated)
    {
        var tenant = stated ?? Prefix + RandomNumberGenerator.GetHexString(12, lowercase: true);
        return tenant.StartsWith(Prefix, StringComparison.Ordinal) && TenantId.IsValid(tenant)
            ? tenant
            : throw new CommandException(ExitCode.Usage, $"--tenant must begin with {Prefix}, and {TenantId.Rule}");
    }

    private static double LeastSuccess(Arguments arguments)
    {
        var text = arguments.Text("--min-success") ?? "99";
        return double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var percent) && percent <= 100
            ? percent
            : throw new CommandException(ExitCode.Usage, "--min-success must be a number from 0 to 100");
    }

    /// <summary>What stood there before is not this run's to erase.</summary>
    private static async Task<bool> IsNewAsync(MemoirClient client, string tenant, CancellationToken ct)
    {
        var answer = await client.SendOnceAsync(HttpMethod.Get, $"v1/conversations?limit=1&tenant_id={Uri.EscapeDataString(tenant)}", null, ct);
        if (answer.Status is not (int)HttpStatusCode.OK)
        {
            return false;
        }

        using var list = JsonDocument.Parse(answer.Body);
        return list.RootElement.GetProperty("items").GetArrayLength() == 0;
    }

    private static async Task EraseAsync(MemoirClient client, string tenant, Terminal terminal)
    {
        // Also when the command was interrupted.
        var answer = await client.SendOnceAsync(HttpMethod.Delete, $"v1/tenants/{Uri.EscapeDataString(tenant)}/data", null, CancellationToken.None);
        if (answer.Status is not (int)HttpStatusCode.NoContent)
        {
            terminal.Note($"loadtest: the tenant {tenant} stays: {(answer.Status is { } status ? $"erasing it was answered {status}, and takes an operator's key" : "no answer to its erasure")}");
        }
    }
}
