using Memoir.Kit.CommandLine;
using Memoir.Server.Commands.Connections;
using Memoir.Server.Privacy.Exchange;

namespace Memoir.Server.Commands.Import;

/// <summary>Brings back what <c>memoir export</c> wrote: the server reads the lines itself.</summary>
internal static class ExportImport
{
    private const int LongestHeader = 4096;
    private const int MostShown = 10;

    /// <summary>Whether the file begins as an export does; it stands at its beginning again.</summary>
    public static bool IsExport(FileStream file)
    {
        var start = new byte[LongestHeader];
        var length = file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        file.Position = 0;
        var end = Array.IndexOf(start, (byte)'\n', 0, length);
        return end >= 0 && start.AsSpan(0, end).IndexOf(System.Text.Encoding.UTF8.GetBytes($"\"format\":\"{HeaderLine.ThisFormat}\"")) >= 0;
    }

    public static async Task<int> RunAsync(FileStream file, string tenant, MemoirClient client, Terminal terminal, CancellationToken ct)
    {
        var report = await client.ImportAsync(tenant, file, ct);
        foreach (var error in report.Errors.Take(MostShown))
        {
            terminal.Note(FormattableString.Invariant($"line {error.Line}: {PrintableText.Of(error.Reason)}"));
        }

        terminal.Line(FormattableString.Invariant(
            $"{report.Imported:N0} memories with {report.Versions:N0} versions are new in tenant {report.TenantId}, {report.Unchanged:N0} were there. Refused: {report.Refused:N0}."));
        return report is { Refused: 0, Complete: true } ? ExitCode.Done : ExitCode.Data;
    }
}
