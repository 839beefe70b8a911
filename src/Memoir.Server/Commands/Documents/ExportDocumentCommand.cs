using System.Text;
using System.Text.Json.Nodes;
using Memoir.Kit.CommandLine;
using Memoir.Server.Access;
using Memoir.Server.Commands.Connections;
using Memoir.Server.Documents;

namespace Memoir.Server.Commands.Documents;

/// <summary>Writes structured memories into a <c>memory.json</c>, as the service wrote it that kept them in such a file.</summary>
internal static class ExportDocumentCommand
{
    public static Command Definition { get; } = new(
        "export-document",
        "",
        "write structured memories as a memory.json",
        """
        Writes one JSON object: the structured memory of each user under the user's id; with --user that user's alone, with its
        user_id in it. Versions are not in it: memoir export has them. A file is there whole or not at all, for its owner only.

        It talks to the running server (MEMORY_HOST, MEMORY_PORT), or to the database itself when none runs. A key is read
        from MEMORY_API_KEY, on this machine also from MEMORY_API_KEYS.
        """,
        [
            new CommandOption("--tenant", "NAME", "whose; the default tenant when absent"),
            new CommandOption("--user", "ID", "of this user alone"),
            new CommandOption("--to", "FILE", "where to; standard output when absent"),
            new CommandOption("--url", "ADDRESS", "the server to use, and no other"),
        ],
        RunAsync);

    private static async Task<int> RunAsync(Arguments arguments, Surroundings around, CancellationToken ct)
    {
        arguments.RefuseOperands();
        var address = ServerAddress.From(arguments.Text("--url"));
        var tenant = arguments.Text("--tenant") ?? address.DefaultTenant;
        var user = arguments.Text("--user");
        if (!TenantId.IsValid(tenant))
        {
            throw new CommandException(ExitCode.Usage, $"--tenant {TenantId.Rule}");
        }

        await using var connection = await Connection.OpenAsync(address, around, ct);
        var memory = user is null ? await ReadAllAsync(connection.Client, tenant, ct)
            : await connection.Client.FindDocumentAsync(tenant, user, ct) ?? throw new CommandException(ExitCode.NoInput, "this user has no structured memory");
        var text = Encoding.UTF8.GetBytes(memory.ToJsonString(StructuredMemoryText.Indented) + "\n");
        var path = arguments.Text("--to");
        await Files.WriteResultAsync(path, output => output.WriteAsync(text, ct).AsTask(), ct);
        if (path is not null)
        {
            around.Terminal.Note($"{(user is null ? memory.Count : 1)} structured memories of tenant {tenant} are in {PrintableText.Of(path)}");
        }

        return ExitCode.Done;
    }

    private static async Task<JsonObject> ReadAllAsync(MemoirClient client, string tenant, CancellationToken ct)
    {
        var all = new JsonObject();
        string? cursor = null;
        do
        {
            var page = await client.ListDocumentsAsync(tenant, cursor, ct);
            foreach (var entry in page.Items)
            {
                if (await client.FindDocumentAsync(tenant, entry.UserId, ct) is { } memory)
                {
                    memory.Remove("user_id");
                    all[entry.UserId] = memory;
                }
            }

            cursor = page.NextCursor;
        }
        while (cursor is not null);

        return all;
    }
}
