using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Memoir.Kit.CommandLine;
using Memoir.Server.Access;
using Memoir.Server.Commands.Connections;
using Memoir.Server.Documents;

namespace Memoir.Server.Commands.Documents;

/// <summary>Brings a <c>memory.json</c> in: of one user, or of many.</summary>
internal static class ImportDocumentCommand
{
    private static readonly string[] Sections = ["profile", "working_memory", "long_term_knowledge", "session_snapshots", "events"];

    public static Command Definition { get; } = new(
        "import-document",
        "FILE",
        "bring in a memory.json of structured memories",
        """
        Stores the structured memories of FILE, which is one of: an object with a structured memory under each user's id; a
        list of structured memories with their user_id; one structured memory, of the user that it or --user names. Who has
        one already keeps it, unless --overwrite is given; the old one stays in the history. What is refused is named with its
        reason, the others are stored, and the exit code is then 65.

        It talks to the running server (MEMORY_HOST, MEMORY_PORT), or to the database itself when none runs. A key is read
        from MEMORY_API_KEY, on this machine also from MEMORY_API_KEYS.
        """,
        [
            new CommandOption("--tenant", "NAME", "whose; the default tenant when absent"),
            new CommandOption("--user", "ID", "whose memory it is, where the file holds one and does not say"),
            new CommandOption("--overwrite", null, "replace what users have already"),
            new CommandOption("--url", "ADDRESS", "the server to use, and no other"),
        ],
        RunAsync);

    private static async Task<int> RunAsync(Arguments arguments, Surroundings around, CancellationToken ct)
    {
        var path = arguments.Operand("FILE");
        var address = ServerAddress.From(arguments.Text("--url"));
        var tenant = arguments.Text("--tenant") ?? address.DefaultTenant;
        if (!TenantId.IsValid(tenant))
        {
            throw new CommandException(ExitCode.Usage, $"--tenant {TenantId.Rule}");
        }

        var memories = await ReadAsync(path, arguments.Text("--user"), ct);
        await using var connection = await Connection.OpenAsync(address, around, ct);
        var (stored, kept, refused) = (0, 0, 0);
        foreach (var (user, memory) in memories)
        {
            try
            {
                var body = Encoding.UTF8.GetBytes(memory.ToJsonString(StructuredMemoryText.Readable));
                var answer = await connection.Client.StoreDocumentAsync(tenant, user, body, arguments.Has("--overwrite"), ct);
                stored += answer is null ? 0 : 1;
                kept += answer is null ? 1 : 0;
            }
            catch (CommandException refusal) when (refusal.Code == ExitCode.Data)
            {
                refused++;
                around.Terminal.Note($"{PrintableText.Of(user)}: {refusal.Message}");
            }
        }

        around.Terminal.Note($"{stored} stored, {kept} left as they are (--overwrite replaces them), {refused} refused");
        return refused == 0 ? ExitCode.Done : ExitCode.Data;
    }

    private static async Task<IReadOnlyList<(string User, JsonObject Memory)>> ReadAsync(string path, string? user, CancellationToken ct)
    {
        await using var file = Files.Open(path);
        try
        {
            var root = await JsonNode.ParseAsync(file, cancellationToken: ct);
            return root switch
            {
                JsonArray list => [.. list.Select((item, place) => item is JsonObject memory ? Taken(memory, null, $"item {place + 1}") : throw NoMemory($"item {place + 1} is no object"))],
                JsonObject one when user is not null || one.ContainsKey("user_id") || (one.Count > 0 && one.All(member => Sections.Contains(member.Key))) => [Taken(one, user, "the memory")],
                JsonObject all when all.All(member => member.Value is JsonObject) => [.. all.Select(member => Taken((JsonObject)member.Value!, member.Key, member.Key))],
                _ => throw NoMemory("it is neither a structured memory, nor a list of them, nor an object with one for each user"),
            };
        }
        catch (JsonException exception)
        {
            throw NoMemory($"it is no JSON (line {exception.LineNumber + 1})");
        }
        catch (ArgumentException)
        {
            throw NoMemory("a member stands in an object twice");
        }

        CommandException NoMemory(string fault) => new(ExitCode.Data, $"{PrintableText.Of(path)} is no memory.json: {PrintableText.Of(fault)}");

        (string User, JsonObject Memory) Taken(JsonObject memory, string? named, string place)
        {
            var own = memory["user_id"] is JsonValue value && value.GetValueKind() is JsonValueKind.String ? value.GetValue<string>() : null;
            if (named is not null && own is not null && named != own)
            {
                throw NoMemory($"{place} names another user, {own}");
            }

            memory.Remove("user_id");
            return (named ?? own ?? throw NoMemory($"{place} does not say whose it is; name the user with --user"), memory);
        }
    }
}
