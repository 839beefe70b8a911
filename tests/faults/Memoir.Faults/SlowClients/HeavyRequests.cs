using System.Globalization;
using System.Text;
using System.Text.Json;
using Memoir.Bench.Hosts;

namespace Memoir.Faults.SlowClients;

/// <summary>Texts that make tokenizers, stemmers and patterns go back and forth, and the processor time that each costs.</summary>
internal sealed class HeavyRequests(HttpClient client, ServerProcess server)
{
    private const double TicksPerSecond = 100;

    private static readonly (string What, string Piece)[] Texts =
    [
        ("one letter", "a"), ("digits", "1"), ("almost dates", "2026-13-"), ("apostrophes", "a'"), ("hyphens", "a-"), ("vowels", "aeiouyyings"),
        ("Thai", "ก"), ("Chinese", "茶我"), ("combining marks", "\u0301"), ("joined emoji", "👩\u200d"), ("short words", "a b "), ("addresses", "a@b."),
        ("different words", ""), ("requests to remember", "remember that my name is "),
    ];

    /// <returns>The costliest request and its seconds of processor time.</returns>
    public async Task<(string What, double Seconds)> RunAsync(CancellationToken ct)
    {
        var costliest = ("", 0.0);
        foreach (var (what, piece) in Texts)
        {
            var text = piece.Length == 0
                ? string.Join(' ', Enumerable.Range(0, 16_000).Select(i => $"w{i:x4}"))
                : string.Concat(Enumerable.Repeat(piece, 100_000 / piece.Length));
            Take("storing " + what, await CostAsync("/v1/messages", new { tenant_id = "heavy", conversation_id = "c", role = "user", content = text }, ct));
            Take("searching " + what, await CostAsync("/v1/memory/search", new { tenant_id = "heavy", query = text[..4096], top_k = 1 }, ct));
        }

        Take("a member's name", await CostAsync("/v1/messages", new Dictionary<string, int> { [string.Concat(Enumerable.Repeat("' on type ", 90_000))] = 1 }, ct));
        return costliest;

        void Take(string what, double seconds) => costliest = seconds > costliest.Item2 ? (what, seconds) : costliest;
    }

    private async Task<double> CostAsync(string target, object body, CancellationToken ct)
    {
        var before = ProcessorSeconds();
        using var answer = await client.PostAsync(
            new Uri(target, UriKind.Relative), new StringContent(JsonSerializer.Serialize(body, SlowClientsRun.Unescaped), Encoding.UTF8, "application/json"), ct);
        return (int)answer.StatusCode < 500 ? ProcessorSeconds() - before : double.PositiveInfinity;
    }

    private double ProcessorSeconds()
    {
        var fields = File.ReadAllText($"/proc/{server.Id}/stat").Split(") ")[1].Split(' ');
        return (long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture)) / TicksPerSecond;
    }
}
