using System.Data.Common;
using Memoir.Kit.Audit.Chain;
using Memoir.Kit.CommandLine;
using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Server.Access;
using Memoir.Server.Audit;
using Memoir.Server.Commands.Connections;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Commands.Audit;

/// <summary>Holds audit records against their chains and checkpoints, and signs that a database was set back on purpose.</summary>
internal static class AuditCommand
{
    private const int PageSize = 200;

    public static Command Definition { get; } = new(
        "audit",
        "verify|restored",
        "verify that audit records are as they were written",
        """
        verify    Walks the chain of each tenant and holds it against the signed checkpoints; prints a line for each tenant. Exit
                  code 0: all are as they were written. 65: one is not; its line names the first bad record.
                  A SQLite database that a server uses is verified by that server, with the checkpoints of its own folder.
        restored  After a restore of an earlier backup, or a fail-over that lost the last writes, and before the server starts:
                  signs that every chain ends where it ends now on purpose. From then on verify misses nothing of what was lost.

        Checkpoints are signed with MEMORY_SECRET_KEY, or with the secret in the data folder: the same is needed here. See
        docs/audit.md for what each reason means.
        """,
        [
            new CommandOption("--tenant", "TENANT", "verify this one alone"),
            new CommandOption("--checkpoints", "FILE", "a file of checkpoints, once for each process; that of the data folder when absent") { IsList = true },
            new CommandOption("--url", "ADDRESS", "where the server is that has the SQLite database"),
        ],
        RunAsync);

    private static Task<int> RunAsync(Arguments arguments, Surroundings around, CancellationToken ct) => arguments.Operand("verify or restored") switch
    {
        "verify" => VerifyAsync(arguments, around, ct),
        "restored" when arguments.Texts("--checkpoints").Count == 0 && arguments.Text("--tenant") is null => AcceptRestoreAsync(around, ct),
        "restored" => throw new CommandException(ExitCode.Usage, "restored is about all tenants and the data folder's own file: it takes no options"),
        var other => throw new CommandException(ExitCode.Usage, $"there is no audit {PrintableText.Of(other)}; there are verify and restored"),
    };

    private static async Task<int> VerifyAsync(Arguments arguments, Surroundings around, CancellationToken ct)
    {
        var tenant = arguments.Text("--tenant");
        if (tenant is not null && !TenantId.IsValid(tenant))
        {
            throw new CommandException(ExitCode.Usage, $"--tenant {TenantId.Rule}");
        }

        var files = arguments.Texts("--checkpoints");
        foreach (var file in files)
        {
            Files.Open(file).Dispose();
        }

        try
        {
            return await UseAsync(around, (verifier, _) => VerifyAsync(verifier, tenant, files, around.Terminal, ct), ct);
        }
        catch (StartupException taken) when (taken.IsInUse && files.Count == 0)
        {
            return await AskAsync(tenant, ServerAddress.From(arguments.Text("--url")), around, ct);
        }
    }

    private static async Task<int> VerifyAsync(AuditVerifier verifier, string? tenant, IReadOnlyList<string> stated, Terminal terminal, CancellationToken ct)
    {
        var files = stated.Count > 0 ? stated : verifier.OwnFiles;
        if (files.Count == 0)
        {
            terminal.Note("audit: there are no checkpoints, so a chain that was cut off or written anew as a whole cannot be told from a true one");
        }

        var (isOk, after) = (true, "");
        while (true)
        {
            IReadOnlyList<Tenant> tenants = tenant is null ? await verifier.ListTenantsAsync(files, after, PageSize, ct) : [new Tenant(tenant)];
            foreach (var report in await verifier.VerifyAsync(tenants, files, ct))
            {
                isOk &= Print(AuditFeature.ToResponse(report), terminal);
            }

            if (tenant is not null || tenants.Count < PageSize)
            {
                return isOk ? ExitCode.Done : ExitCode.Data;
            }

            after = tenants[^1].Id;
        }
    }

    private static async Task<int> AskAsync(string? tenant, ServerAddress address, Surroundings around, CancellationToken ct)
    {
        await using var server = await Connection.TryRunningAsync(address, around, ct)
            ?? throw new CommandException(ExitCode.Unavailable, $"a server holds the database, yet none answers at {address.Url}: say where it listens with --url");
        var (isOk, cursor) = (true, default(string));
        do
        {
            var answer = await server.Client.VerifyAuditAsync(tenant, cursor, ct);
            foreach (var chain in answer.Items)
            {
                isOk &= Print(chain, around.Terminal);
            }

            cursor = answer.NextCursor;
        }
        while (cursor is not null);

        return isOk ? ExitCode.Done : ExitCode.Data;
    }

    private static Task<int> AcceptRestoreAsync(Surroundings around, CancellationToken ct) => UseAsync(around, async (verifier, terminal) =>
    {
        var count = await verifier.AcceptRestoreAsync(ct);
        terminal.Line(FormattableString.Invariant($"{count:N0} chains end on purpose where they end now"));
        return ExitCode.Done;
    }, ct);

    /// <summary>Lends the parts that work on the database itself, which must be there and up to date.</summary>
    private static Task<int> UseAsync(Surroundings around, Func<AuditVerifier, Terminal, Task<int>> work, CancellationToken ct) => around.Startup.UseAsync(async services =>
    {
        var options = services.GetRequiredService<IOptions<DatabaseOptions>>().Value;
        if (!options.IsPostgres && !File.Exists(options.ResolveSqlitePath()))
        {
            throw new CommandException(ExitCode.NoInput, $"there is no file {PrintableText.Of(options.ResolveSqlitePath())}");
        }

        var database = services.GetRequiredService<Database>();
        try
        {
            return await database.CountPendingAsync(typeof(Startup).Assembly, ct) == 0
                ? await work(services.GetRequiredService<AuditVerifier>(), around.Terminal)
                : throw new CommandException(ExitCode.Data, $"{database.Location} is of another version: start its server once with this version");
        }
        catch (DbException exception)
        {
            throw new CommandException(ExitCode.Unavailable, $"{database.Location}: {PrintableText.Of(exception.Message)}");
        }
        catch (ProblemException exception)
        {
            throw new CommandException(ExitCode.Unavailable, $"{database.Location}: {exception.Message}");
        }
        catch (IOException exception)
        {
            throw new CommandException(ExitCode.NoInput, $"{PrintableText.Of(exception.Message)}");
        }
    });

    /// <returns>Whether all is well.</returns>
    private static bool Print(ChainResponse chain, Terminal terminal)
    {
        var counts = FormattableString.Invariant($"{chain.Records:N0} records, {chain.Unsealed:N0} unsealed, {chain.Checkpoints:N0} checkpoints that vouch to {chain.VouchedTo:N0}");
        if (chain.FirstBad is not { } bad)
        {
            terminal.Line($"{chain.TenantId}  {terminal.Green("ok")}  {counts}");
            return true;
        }

        var record = bad.Id is { } id ? $" (record {id})" : "";
        terminal.Line(FormattableString.Invariant($"{chain.TenantId}  {terminal.Yellow("BAD")}  first bad position {bad.Position}{record}: {bad.Reason}  {counts}"));
        return false;
    }
}
