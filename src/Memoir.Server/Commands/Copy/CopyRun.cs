using Memoir.Kit.CommandLine;
using Memoir.Kit.Data;
using Memoir.Server.Backups.Rows;

namespace Memoir.Server.Commands.Copy;

/// <summary>Copies tenant by tenant, then reads all of it again from the target and holds the sums of both sides against each other.</summary>
internal sealed class CopyRun(CopyEnd source, CopyEnd target, Terminal terminal)
{
    private readonly List<(string Tenant, CopiedTable Table, TableSum Sum)> _sums = [];
    private long _rows;
    private string _now = "";

    /// <exception cref="CommandException">It has rows.</exception>
    public async Task RequireEmptyTargetAsync(CancellationToken ct)
    {
        foreach (var table in CopiedTables.All)
        {
            if (!await target.SystemReadAsync(table.IsEmptyAsync, ct))
            {
                throw new CommandException(ExitCode.Data, $"--to: {target.Database.Location} is not empty, there is something in {table.Name}; copy into a database of its own");
            }
        }
    }

    /// <summary>Sums the source up, and writes it to the target where it is to be copied.</summary>
    public async Task ReadAsync(bool write, CancellationToken ct)
    {
        var tenants = await CopiedTables.ListTenantsAsync(source, ct);
        for (var i = 0; i < tenants.Count; i++)
        {
            foreach (var table in CopiedTables.All)
            {
                _now = FormattableString.Invariant($"{(write ? "copying" : "reading")} {table.Name} of tenant {i + 1} of {tenants.Count}");
                var tenant = new Tenant(tenants[i]);
                var sum = await TrustAsync(
                    "--from", () => write ? table.CopyAsync(source, target.WriteAsync, tenant, Advance, ct) : table.SumAsync(source, tenant, null, Advance, ct));
                _sums.Add((tenants[i], table, sum));
            }
        }
    }

    /// <summary>Reads everything from the target and prints what was found, a line for each table of each tenant.</summary>
    /// <returns>How many of them are not the same on both sides.</returns>
    public async Task<int> VerifyAsync(CancellationToken ct)
    {
        var different = 0;
        _rows = 0;
        var width = Math.Max(6, _sums.Select(one => one.Tenant.Length).DefaultIfEmpty().Max());
        terminal.Line($"{"tenant".PadRight(width)}  {"table",-21}  {"rows",12}  SHA-256");
        foreach (var (tenant, table, sum) in _sums)
        {
            _now = FormattableString.Invariant($"verifying {table.Name} of {tenant}");
            var found = await TrustAsync("--to", () => table.SumAsync(target, new Tenant(tenant), null, Advance, ct));
            if (found != sum)
            {
                different++;
                terminal.Line($"{Line(tenant, table, found)}  {terminal.Yellow(FormattableString.Invariant($"differs from the source: {sum.Rows:N0} rows, {sum.Hash}"))}");
            }
            else if (sum.Rows > 0)
            {
                terminal.Line(Line(tenant, table, sum));
            }
        }

        return different;

        string Line(string tenant, CopiedTable table, TableSum sum) =>
            FormattableString.Invariant($"{tenant.PadRight(width)}  {table.Name,-21}  {sum.Rows,12:N0}  {sum.Hash}");
    }

    public string Conclusion() => FormattableString.Invariant(
        $"{_sums.Select(one => one.Tenant).Distinct().Count():N0} tenants, {_sums.Sum(one => one.Sum.Rows):N0} rows, {terminal.Elapsed.TotalSeconds:0.0} s");

    private static async Task<TableSum> TrustAsync(string option, Func<Task<TableSum>> work)
    {
        try
        {
            return await work();
        }
        catch (InvalidDataException exception)
        {
            throw new CommandException(ExitCode.Data, $"{option}: {exception.Message}");
        }
    }

    private void Advance(int rows)
    {
        _rows += rows;
        terminal.Progress(() => FormattableString.Invariant($"{_now}: {_rows:N0} rows, {_rows / Math.Max(0.001, terminal.Elapsed.TotalSeconds):N0}/s"));
    }
}
