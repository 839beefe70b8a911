using System.Text.Json;
using Memoir.Kit.CommandLine;
using Memoir.Kit.Http;
using Memoir.Server.Commands.Connections;
using Memoir.Server.Recall;

namespace Memoir.Server.Commands.Eval;

/// <summary>Stores the turns of a set through the door that everybody uses, and asks its questions there.</summary>
internal static class SetLoader
{
    private const int BatchSize = 500;
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(200);

    /// <exception cref="CommandException">The server refused a turn.</exception>
    public static async Task LoadAsync(
        this MemoirClient client, string tenant, IReadOnlyList<QuestionSet.Turn> turns, TimeProvider time, CancellationToken ct)
    {
        foreach (var portion in turns.Chunk(BatchSize))
        {
            var body = JsonSerializer.SerializeToUtf8Bytes(new { items = portion.Select(turn => Message(tenant, turn)) });
            var answer = await client.StoreAsync(body, ct) ?? throw new CommandException(ExitCode.Data, "the server takes only smaller requests");
            if (answer.Items.FirstOrDefault(item => item.Error is not null) is { } refused)
            {
                var why = refused.Error!.Value.TryGetProperty("detail", out var detail) ? detail.ToString() : "refused";
                throw new CommandException(ExitCode.Data, PrintableText.Of($"doc {portion[refused.Index].Id}: {why}"));
            }

            await WaitForVectorsAsync(client, tenant, [.. answer.Items.Select(item => item.Id!.Value)], time, ct);
        }
    }

    public static Task<SearchResponse> AskAsync(
        this MemoirClient client, string tenant, string query, int topK, string mode, DateTimeOffset? until, bool explain, CancellationToken ct)
    {
        var question = new Dictionary<string, object>
        {
            ["tenant_id"] = tenant,
            ["query"] = query,
            ["top_k"] = topK,
            ["mode"] = mode,
            ["explain"] = explain,
        };
        if (until is { } before)
        {
            question["until"] = WireInstant.Format(before);
        }

        return client.SearchAsync(JsonSerializer.SerializeToUtf8Bytes(question), ct);
    }

    /// <summary>The builtin embedder has them at once; a model's come with a job.</summary>
    private static async Task WaitForVectorsAsync(MemoirClient client, string tenant, IReadOnlyList<Guid> ids, TimeProvider time, CancellationToken ct)
    {
        foreach (var id in ids)
        {
            while (await client.FindAsync(tenant, id, ct) is { EmbeddingStatus: "pending" })
            {
                await Task.Delay(Poll, time, ct);
            }

            if (id == ids[0] && await client.FindAsync(tenant, ids[^1], ct) is { EmbeddingStatus: not "pending" })
            {
                return; // First and last of the batch have theirs: nothing waits.
            }
        }
    }

    private static Dictionary<string, object> Message(string tenant, QuestionSet.Turn turn)
    {
        var message = new Dictionary<string, object>
        {
            ["tenant_id"] = tenant,
            ["conversation_id"] = turn.Conversation,
            ["role"] = turn.Role,
            ["content"] = turn.Text,
            ["external_id"] = turn.ExternalId,
            ["created_at"] = WireInstant.Format(turn.When),
        };
        if (turn.Name is { } name)
        {
            message["name"] = name;
        }

        return message;
    }
}
