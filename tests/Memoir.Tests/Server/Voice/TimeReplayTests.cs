using System.Globalization;
using System.Net;
using Memoir.Tests.Testing;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Voice;

/// <summary>Whatever was told in whatever order: every moment answers what was there then.</summary>
public sealed class TimeReplayTests
{
    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Theory, MemberData(nameof(Engines))]
    public async Task Random_histories_replay_to_what_was_there(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        foreach (var seed in (int[])[1, 2, 3])
        {
            await new History(server, server.As($"acme{seed}"), new Random(seed)).RunAsync(60);
        }
    }

    /// <summary>Tells, changes, restores and forgets at random, keeps what was there after each step, and asks for it all at the end.</summary>
    private sealed class History(TestApp server, HttpClient client, Random random)
    {
        private readonly List<(string At, Dictionary<string, string> There)> _snapshots = [];
        private readonly HashSet<string> _ids = [];
        private readonly HashSet<string> _gone = [];

        public async Task RunAsync(int steps)
        {
            for (var step = 0; step < steps; step++)
            {
                await StepAsync(step);
                server.Time.Advance(TimeSpan.FromMinutes(random.Next(1, 600)));
                _snapshots.Add((Format(server.Time.GetUtcNow()), await NowAsync("")));
                server.Time.Advance(TimeSpan.FromMinutes(1));
            }

            foreach (var (at, there) in _snapshots)
            {
                var left = there.Where(item => !_gone.Contains(item.Key)).ToDictionary();
                var moment = $"as_of={at}&known_at={at}";
                Assert.Equal(left.OrderBy(item => item.Key), (await NowAsync(moment)).OrderBy(item => item.Key));
                Assert.Equal(left.Values.Order(), ((await client.ReadAsync($"/v1/memory/search?query=place&top_k=100&{moment}")).Items()).Select(item => item.Text("content")).Order());
                foreach (var id in _ids.Except(_gone))
                {
                    var answer = await client.GetAsync($"/v1/memories/{id}?{moment}", Ct);
                    var content = answer.StatusCode == HttpStatusCode.NotFound ? null : (await answer.JsonAsync(HttpStatusCode.OK)).Text("content");
                    Assert.Equal(left.GetValueOrDefault(id), content);
                }
            }
        }

        private async Task StepAsync(int step)
        {
            var user = random.Next(3) == 0 ? null : "ann";
            var some = _ids.Except(_gone).ToList();
            var id = some.Count == 0 ? null : some[random.Next(some.Count)];
            switch (random.Next(10))
            {
                case 0 when id is not null && random.Next(2) == 0:
                    await client.DeleteAsync($"/v1/memories/{id}", Ct);
                    _gone.Add(id);
                    break;
                case 1 or 2 when id is not null:
                    await client.SendAsync("PATCH", $"/v1/memories/{id}", $$$"""{"value":{"value":"place changed {{{step}}}"}}"""); // 404 of what is not true now.
                    break;
                case 3 when id is not null:
                    await client.SendAsync("PATCH", $"/v1/memories/{id}", $$"""{"valid_until":"{{Some(0, 2000)}}"}""");
                    break;
                case 4 when id is not null:
                    await client.SendAsync("POST", $"/v1/memories/{id}/restore", $$"""{"version":{{random.Next(1, 4)}}}""");
                    break;
                case 5 when id is not null:
                    await client.SendAsync("POST", $"/v1/memories/{id}/confirm", "{}");
                    break;
                default:
                    var from = random.Next(3) == 0 ? Some(-2000, 1000) : null;
                    var until = from is not null && random.Next(2) == 0 ? Some(1001, 3000) : null;
                    _ids.Add(await client.SayAsync(
                        user, "fact", $"key_{random.Next(4)}", $$"""{"value":"place {{step}}"}""",
                        ",\"ttl_days\":null" + (from is null ? "" : $",\"valid_from\":\"{from}\"") + (until is null ? "" : $",\"valid_until\":\"{until}\"")));
                    break;
            }
        }

        private async Task<Dictionary<string, string>> NowAsync(string moment) =>
            (await client.ReadAsync($"/v1/memories?limit=200&{moment}")).Found().ToDictionary(memory => memory.Text("id")!, memory => memory.Text("content")!);

        private string Some(int least, int most) => Format(server.Time.GetUtcNow().AddMinutes(random.Next(least, most)));

        private static string Format(DateTimeOffset time) => time.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
    }
}
