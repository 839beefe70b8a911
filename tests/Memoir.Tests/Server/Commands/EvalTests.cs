using Memoir.Tests.Architecture;
using Memoir.Tests.Testing;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Commands;

public sealed class EvalTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("memoir").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task The_example_of_the_documentation_gives_the_figures_it_names()
    {
        var page = await File.ReadAllTextAsync(Path.Combine(SourceText.Root, "docs", "eval.md"), Ct);
        var example = page.Split("```json\n")[1].Split("```")[0];

        var ending = await ServerProcess.RunAsync(_folder, "eval", await FileAsync(example), "--json");

        Assert.Equal(0, ending.Code);
        var report = Parse(ending.Output);
        Assert.Equal(3, report.GetProperty("questions").GetInt32());
        Assert.Equal(["animals", "work"], report.GetProperty("categories").Members());

        // Of three questions two find their one turn first; the third wants two turns, of which one is about something else.
        Assert.Equal((1, 1, 1), Figures(report.GetProperty("categories").GetProperty("animals")));
        Assert.Equal((0.5, 0.6131, 1), Figures(report.GetProperty("categories").GetProperty("work")));
        Assert.Equal((0.8333, 0.871, 1), Figures(report.GetProperty("all")));
        Assert.True(report.GetProperty("latency_ms").Number("p95") > 0);
    }

    [Fact]
    public async Task The_table_has_no_control_characters_when_piped_and_touches_no_data()
    {
        var ending = await ServerProcess.RunAsync(_folder, [("TMPDIR", _folder)], "eval", await FileAsync("""
            {"groups":[{"docs":[{"id":"a","text":"My puppy is Biscuit."}],"queries":[{"text":"puppy","turns":["a"]}]}]}
            """), "--top-k", "3", "--mode", "lexical");

        Assert.Equal(0, ending.Code);
        Assert.Matches(@"ALL +1 +1\.0000 +1\.0000 +1\.0000 +1\.0000 +1\.0000\n", ending.Output);
        Assert.Contains("recall@3", ending.Output, StringComparison.Ordinal);
        Assert.DoesNotContain(ending.Output, c => char.IsControl(c) && c != '\n');
        Assert.Equal(["set.json"], Directory.GetFileSystemEntries(_folder).Select(Path.GetFileName));
    }

    [Fact]
    public async Task Questions_can_be_asked_about_what_is_stored()
    {
        await using var server = await ServerProcess.StartAsync(_folder);
        using var client = server.Client();
        await client.StoreAsync("My puppy is Biscuit.", ("external_id", "turn-1"));
        var set = await FileAsync("""{"groups":[{"queries":[{"text":"puppy","turns":["turn-1"]},{"text":"puppy","turns":["turn-2"]}]}]}""");

        var ending = await ServerProcess.RunAsync(_folder, [("MEMORY_PORT", $"{server.Address.Port}")], "eval", set, "--no-load", "--tenant", "acme", "--json");

        Assert.Equal(0, ending.Code);
        Assert.Equal(0.5, Parse(ending.Output).GetProperty("all").Number("recall_at_k"));
    }

    [Theory]
    [InlineData("groups: is missing or empty", "{}")]
    [InlineData("groups: is missing or empty", """{"groups":[]}""")]
    [InlineData("groups[0].docs[1].id: is missing or empty", """{"groups":[{"docs":[{"id":"a","text":"x"},{"text":"y"}]}]}""")]
    [InlineData("groups[0].docs[0].text: is missing", """{"groups":[{"docs":[{"id":"a"}]}]}""")]
    [InlineData("groups[0].docs[0].text: cannot be read (line 1)", """{"groups":[{"docs":[{"id":"a","text":5}]}]}""")]
    [InlineData("groups[0].queries[0].turns: is missing", """{"groups":[{"docs":[{"id":"a","text":"x"}],"queries":[{"text":"q"}]}]}""")]
    [InlineData("groups[0].queries[0].turns[0]: names no doc of its group", """{"groups":[{"docs":[{"id":"a","text":"x"}],"queries":[{"text":"q","turns":["b"]}]}]}""")]
    [InlineData("the file: cannot be read (line 1)", "hello")]
    public async Task A_bad_file_is_65_and_one_line_that_names_where(string says, string set)
    {
        var ending = await ServerProcess.RunAsync(_folder, "eval", await FileAsync(set));

        Assert.Equal(65, ending.Code);
        Assert.StartsWith($"memoir: eval: {says}", Assert.Single(ending.ErrorLines), StringComparison.Ordinal);
    }

    private static (double Recall, double Ndcg, double Mrr) Figures(System.Text.Json.JsonElement row) =>
        (row.Number("recall_at_1"), row.Number("ndcg_at_k"), row.Number("mrr"));

    private async Task<string> FileAsync(string json)
    {
        var path = Path.Combine(_folder, "set.json");
        await File.WriteAllTextAsync(path, json, Ct);
        return path;
    }
}
