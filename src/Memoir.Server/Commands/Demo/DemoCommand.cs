using System.Text;
using System.Text.RegularExpressions;
using Memoir.Kit.CommandLine;
using Memoir.Server.Commands.Connections;
using Memoir.Server.Commands.Eval;
using Memoir.Server.Recall;

namespace Memoir.Server.Commands.Demo;

/// <summary>Shows what Memoir does, on a sample that ships with it; what a person has stored is not touched.</summary>
internal static partial class DemoCommand
{
    private const string Tenant = "demo";
    private const int Shown = 3;
    private const int Width = 100;

    /// <summary>Some notes of the sample are pages long; their beginning says which they are.</summary>
    private const int LinesShown = 3;

    public static Command Definition { get; } = new(
        "demo",
        "",
        "see it work on a sample conversation",
        """
        Loads a sample (what an assistant noted of one person over three months) and searches it. With a server running,
        the sample goes into its tenant demo and stays there to play with; with none, into a database that goes afterwards.
        """,
        [new CommandOption("--url", "ADDRESS", "the server to use, and no other")],
        RunAsync);

    private static async Task<int> RunAsync(Arguments arguments, Surroundings around, CancellationToken ct)
    {
        arguments.RefuseOperands();
        var address = ServerAddress.From(arguments.Text("--url"));
        var running = await Connection.TryRunningAsync(address, around, ct);
        if (running is null && address.IsStated)
        {
            throw new CommandException(ExitCode.Unavailable, $"no Memoir answers at {address.Url}");
        }

        await using var connection = running ?? await Connection.ScratchAsync(around, ct);
        var sample = Sample();
        var terminal = around.Terminal;
        terminal.Line(connection.IsOwn
            ? "No server runs here, so the demo uses a database that goes when it ends."
            : $"The sample goes into the tenant {Tenant} of the server at {connection.Client.Url}; other tenants are not touched.");
        var from = around.Time.GetTimestamp();
        await connection.Client.LoadAsync(Tenant, sample.Turns, around.Time, ct);
        var conversations = sample.Turns.Select(turn => turn.Conversation).Distinct().Count();
        terminal.Line(FormattableString.Invariant(
            $"{sample.Turns.Count} notes of {conversations} conversations, stored in {around.Time.GetElapsedTime(from).TotalMilliseconds:0} ms."));
        foreach (var question in sample.Questions)
        {
            await AskAsync(connection.Client, question.Text, around, ct);
        }

        terminal.Line();
        Suggest(terminal, connection);
        return ExitCode.Done;
    }

    private static QuestionSet.Group Sample()
    {
        using var resource = typeof(DemoCommand).Assembly.GetManifestResourceStream("demo/conversation.json")!;
        return QuestionSet.Load(resource).Groups[0];
    }

    private static async Task AskAsync(MemoirClient client, string question, Surroundings around, CancellationToken ct)
    {
        // The first search of a process compiles what it runs; a server pays that once, at its start.
        await client.AskAsync(Tenant, question, Shown, "hybrid", until: null, explain: true, ct);
        var from = around.Time.GetTimestamp();
        var answer = await client.AskAsync(Tenant, question, Shown, "hybrid", until: null, explain: true, ct);
        var took = around.Time.GetElapsedTime(from);
        var terminal = around.Terminal;
        terminal.Line();
        terminal.Line($"{terminal.Bold($"? {question}")}  {terminal.Faint(FormattableString.Invariant($"{took.TotalMilliseconds:0.0} ms"))}");
        foreach (var item in answer.Items)
        {
            Print(terminal, item);
        }
    }

    private static void Print(Terminal terminal, SearchItem item)
    {
        var words = item.Explain?.MatchedTerms ?? [];
        var text = PrintableText.Of(item.Content.ReplaceLineEndings(" "));
        var first = true;
        var lines = Wrap(text).Take(LinesShown + 1).ToList();
        if (lines.Count > LinesShown)
        {
            lines = [.. lines.Take(LinesShown - 1), $"{lines[LinesShown - 1]} …"];
        }

        foreach (var line in lines)
        {
            var head = first ? FormattableString.Invariant($"  {terminal.Green($"{item.Score:0.00}")}  ") : "        ";
            terminal.Line(head + Word().Replace(line, word => IsMatched(word.Value, words) ? terminal.Yellow(word.Value) : word.Value));
            first = false;
        }

        terminal.Line($"        {terminal.Faint($"{item.CreatedAt:yyyy-MM-dd}, matched: {PrintableText.Of(string.Join(", ", words))}")}");
    }

    /// <summary>The words of the question are matched by their stems, so beginnings are compared.</summary>
    private static bool IsMatched(string word, IReadOnlyList<string> terms) => terms.Any(term =>
        word.StartsWith(term[..Math.Max(Math.Min(term.Length, 3), term.Length - 3)], StringComparison.OrdinalIgnoreCase)
        && Math.Abs(word.Length - term.Length) <= 3);

    private static IEnumerable<string> Wrap(string text)
    {
        var line = new StringBuilder();
        foreach (var word in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            if (line.Length > 0 && line.Length + word.Length >= Width)
            {
                yield return line.ToString();
                line.Clear();
            }

            line.Append(line.Length > 0 ? " " : "").Append(word);
        }

        yield return line.ToString();
    }

    private static void Suggest(Terminal terminal, Connection connection)
    {
        terminal.Line(terminal.Bold("What to try next"));
        const string run = "dotnet run --project src/Memoir.Server";
        if (connection.IsOwn)
        {
            terminal.Line($"  {run}                          serve the API on http://127.0.0.1:8000");
            terminal.Line($"  {run} -- import conversations.json   bring in your ChatGPT export");
        }
        else
        {
            terminal.Line($"  curl '{connection.Client.Url}v1/memory/search?tenant_id={Tenant}&query=fishing+at+lake+tekapo'");
            terminal.Line($"  curl -X DELETE '{connection.Client.Url}v1/tenants/{Tenant}/data'         remove the sample");
            terminal.Line($"  {run} -- import conversations.json   bring in your ChatGPT export");
        }

        terminal.Line("  docs/api.md says what else it can do");
    }

    [GeneratedRegex(@"[\p{L}\p{Nd}']+")]
    private static partial Regex Word();
}
