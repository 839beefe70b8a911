using System.Text.Json;
using Memoir.Kit.CommandLine;
using Memoir.Server.Access;
using Memoir.Server.Commands.Connections;

namespace Memoir.Server.Commands.Eval;

/// <summary>Scores recall on the user's own questions.</summary>
internal static class EvalCommand
{
    public static Command Definition { get; } = new(
        "eval",
        "FILE",
        "score recall on your own questions",
        """
        Loads the conversations of FILE into a database of its own, which goes afterwards, asks the questions and prints
        how many of the turns that answer them were found: recall, NDCG and MRR by category, and what a search took.
        docs/eval.md describes the file.

        With --no-load it asks about what is stored already, in the running server or the database itself; a question's
        turns are then external ids.
        """,
        [
            new CommandOption("--top-k", "N", "results per question, 1..100; 10 when absent"),
            new CommandOption("--mode", "NAME", "hybrid (default), lexical or semantic"),
            new CommandOption("--half", "0|1", "every second group only: tune on one half, report the other"),
            new CommandOption("--json", null, "print the figures as JSON"),
            new CommandOption("--no-load", null, "ask about what is stored already; needs --tenant"),
            new CommandOption("--tenant", "NAME", "whose memories are asked, with --no-load"),
            new CommandOption("--url", "ADDRESS", "the server to ask, with --no-load"),
        ],
        RunAsync);

    private static async Task<int> RunAsync(Arguments arguments, Surroundings around, CancellationToken ct)
    {
        var path = arguments.Operand("FILE");
        var topK = arguments.Number("--top-k", 10, 1, 100);
        var mode = arguments.Choice("--mode", "hybrid", "lexical", "semantic");
        int? half = arguments.Has("--half") ? arguments.Number("--half", 0, 0, 1) : null;
        var tenant = Tenant(arguments);
        var address = ServerAddress.From(arguments.Text("--url"));
        var set = QuestionSet.Load(path).Half(half);
        var scores = new EvalScores(topK);
        await using var connection = tenant is null
            ? await Connection.ScratchAsync(around, ct)
            : await Connection.OpenAsync(address, around, ct);
        for (var i = 0; i < set.Groups.Count; i++)
        {
            var group = set.Groups[i];
            var asked = tenant ?? $"eval-{i}";
            if (tenant is null)
            {
                await connection.Client.LoadAsync(asked, group.Turns, around.Time, ct);
            }

            await AskAsync(connection.Client, asked, group, scores, (topK, mode, IsStored: tenant is not null), around, ct);
        }

        if (scores.Questions == 0)
        {
            throw new CommandException(ExitCode.Data, $"{PrintableText.Of(path)} has no question with turns that answer it");
        }

        var report = scores.Report(Path.GetFileName(path), mode);
        if (arguments.Has("--json"))
        {
            around.Terminal.Line(JsonSerializer.Serialize(report, EvalJson.Default.EvalReport));
        }
        else
        {
            EvalScores.Print(report, around.Terminal);
        }

        return ExitCode.Done;
    }

    private static string? Tenant(Arguments arguments)
    {
        var tenant = arguments.Text("--tenant");
        if (arguments.Has("--no-load") != (tenant is not null))
        {
            throw new CommandException(ExitCode.Usage, "--no-load and --tenant go together");
        }

        if (tenant is null && arguments.Has("--url"))
        {
            throw new CommandException(ExitCode.Usage, "--url goes with --no-load");
        }

        return tenant is null || TenantId.IsValid(tenant) ? tenant : throw new CommandException(ExitCode.Usage, $"--tenant {TenantId.Rule}");
    }

    private static async Task AskAsync(
        MemoirClient client, string tenant, QuestionSet.Group group, EvalScores scores,
        (int TopK, string Mode, bool IsStored) how, Surroundings around, CancellationToken ct)
    {
        var ids = group.Turns.ToLookup(turn => turn.ExternalId, turn => turn.Id);
        var degraded = 0;
        foreach (var question in group.Questions.Where(question => question.Gold.Count > 0))
        {
            if (scores.Questions == 0)
            {
                // The first search of a process compiles what it runs; a server pays that once, at its start.
                await client.AskAsync(tenant, question.Text, how.TopK, how.Mode, question.Until, explain: false, ct);
            }

            var from = around.Time.GetTimestamp();
            var answer = await client.AskAsync(tenant, question.Text, how.TopK, how.Mode, question.Until, explain: false, ct);
            var took = around.Time.GetElapsedTime(from);
            var ranked = answer.Items.Where(item => item.ExternalId is not null)
                .Select(item => how.IsStored ? item.ExternalId! : ids[item.ExternalId!].First());
            scores.Add(question.Category, new RankedAnswer(ranked, question.Gold), took);
            degraded += answer.Degraded is true ? 1 : 0;
            around.Terminal.Progress(() => FormattableString.Invariant($"questions asked: {scores.Questions:N0}"));
        }

        if (degraded > 0)
        {
            around.Terminal.Note($"{degraded} searches of tenant {tenant} were answered without vectors: the embedding provider failed");
        }
    }
}
