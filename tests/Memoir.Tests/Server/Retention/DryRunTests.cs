using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using Memoir.Server.Memories;
using Memoir.Tests.Testing;
using static Memoir.Tests.Server.Retention.RetentionWorld;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Retention;

/// <summary>A dry run lists exactly what the real run then touches, whatever there is, whatever the policy, whatever is held.</summary>
public sealed class DryRunTests
{
    private const int Cases = 30;

    // Ages at which something changes, and some beside them.
    private static readonly double[] Days = [-1, 0, 0.5, 1, 6.99, 7, 7.01, 29.999, 30, 30.001, 60, 89.9, 90, 90.1, 150, 1000];
    private static readonly double[] Importances = [0, 0.2, 0.28, 0.28, 0.28, 0.34999, 0.35, 0.525, 0.7, 1];

    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Theory, MemberData(nameof(Engines))]
    public async Task It_lists_what_the_run_touches_and_that_is_what_the_policy_says(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var number = 0;

        // Each case is a tenant of its own, of 50 to 300 memories.
        await CheckAsync(Gen.Choose(0, int.MaxValue - 1), seed => RunCaseAsync(server, $"t{number++}", new Random(seed)));
    }

    private static async Task CheckAsync(Gen<int> seeds, Func<int, Task> check)
    {
        foreach (var seed in seeds.Sample(Cases))
        {
            try
            {
                await check(seed);
            }
            catch (Exception exception) when (exception is Xunit.Sdk.IAssertionException)
            {
                Assert.Fail($"seed {seed}: {exception.Message}");
            }
        }
    }

    private static async Task RunCaseAsync(TestApp server, string tenant, Random random)
    {
        var now = server.Time.GetUtcNow();
        await FillAsync(server, [.. Enumerable.Range(0, random.Next(50, 300)).Select(_ => Any(random, now))], tenant);
        var memories = await AllAsync(server, tenant);
        var model = new Model(
            random.Next(4) == 0 ? 0 : random.Next(2) == 0 ? 7 : 30,
            Importances[random.Next(Importances.Length)],
            random.Next(4) == 0 ? 0 : 90,
            random.Next(2) == 0 ? null : random.Next(0, memories.Count),
            random.Next(2) == 0 ? null : random.Next(1, 4));
        await server.PutPolicyAsync(model.MaxAge, model.Threshold, model.DeleteAfter, model.MaxItems, model.Factor, tenant);
        await HoldAsync(server, tenant, memories, model, random);
        string[] actions = random.Next(4) switch { 0 => ["archive"], 1 => ["delete"], _ => Both };
        var expected = model.Decide(memories, now, actions);

        var dry = await (await server.TryRunAsync(dryRun: true, tenant, actions)).JsonAsync(HttpStatusCode.OK);
        var untouched = await AllAsync(server, tenant);
        var run = await (await server.TryRunAsync(dryRun: false, tenant, actions)).JsonAsync(HttpStatusCode.OK);
        var after = (await AllAsync(server, tenant)).ToDictionary(memory => memory.Id);

        Assert.Equal(memories, untouched);
        Assert.Equal(expected, dry.Items().ToDictionary(item => item.GetProperty("id").GetGuid(), item => item.Text("action")!));
        Assert.Equal(dry.Counts(), run.Counts());
        Assert.Equal((expected.Values.Count(action => action == "archive"), expected.Values.Count(action => action == "delete")), run.Counts());
        var touched = memories.Where(memory => !after.TryGetValue(memory.Id, out var left) || left.ArchivedAt != memory.ArchivedAt)
            .ToDictionary(memory => memory.Id, memory => after.ContainsKey(memory.Id) ? "archive" : "delete");
        Assert.Equal(expected, touched);
        Assert.All(memories.Where(memory => !expected.ContainsKey(memory.Id)), memory => Assert.Equal(memory, after[memory.Id]));
    }

    private static Memory Any(Random random, DateTimeOffset now)
    {
        DateTimeOffset Some() => now.AddDays(-Days[random.Next(Days.Length)]);
        return Row(Some(), Importances[random.Next(Importances.Length)]) with
        {
            ImportanceOverride = random.Next(5) == 0 ? Importances[random.Next(Importances.Length)] : null,
            UserId = random.Next(3) == 0 ? null : $"u{random.Next(6)}",
            ConversationId = random.Next(3) == 0 ? null : $"c{random.Next(6)}",
            ArchivedAt = random.Next(3) == 0 ? Some() : null,
            RestoredAt = random.Next(6) == 0 ? Some() : null,
            ExpiresAt = random.Next(10) == 0 ? Some() : null,
        };
    }

    private static async Task HoldAsync(TestApp server, string tenant, IReadOnlyList<Memory> memories, Model model, Random random)
    {
        for (var i = random.Next(6); i > 0; i--)
        {
            var memory = memories[random.Next(memories.Count)];
            object hold = random.Next(3) switch
            {
                0 => new { user_id = model.Held($"u{random.Next(6)}") },
                1 => new { conversation_id = model.Held($"c{random.Next(6)}") },
                _ => new { message_id = model.Held(memory.Id) },
            };
            await PlaceAsync($"h{i}", hold);
        }

        if (random.Next(15) == 0)
        {
            model.HoldsAll = true;
            await PlaceAsync("all", new { });
        }

        async Task PlaceAsync(string name, object hold) =>
            await (await server.As(tenant).PutAsJsonAsync($"/v1/admin/retention/holds/{name}", hold, Ct)).JsonAsync(HttpStatusCode.OK);
    }

    /// <summary>The policy once more, written down without the program: slowly, and from the words of the contract.</summary>
    private sealed record Model(int MaxAge, double Threshold, int DeleteAfter, int? MaxItems, int? Factor)
    {
        private readonly HashSet<object> _held = [];

        public bool HoldsAll { get; set; }

        public T Held<T>(T subject)
            where T : notnull
        {
            _held.Add(subject);
            return subject;
        }

        public Dictionary<Guid, string> Decide(IReadOnlyList<Memory> memories, DateTimeOffset now, string[] actions)
        {
            var decided = new Dictionary<Guid, string>();
            var live = memories.Where(m => m.ArchivedAt is null && !(m.ExpiresAt <= now)).ToList();
            foreach (var memory in memories.Where(m => !IsHeld(m)))
            {
                var age = now - Since(memory);
                if (memory.ExpiresAt <= now || (memory.ArchivedAt is { } archived && archived < now && now - archived >= TimeSpan.FromDays(DeleteAfter)))
                {
                    decided[memory.Id] = "delete";
                }
                else if (memory.ArchivedAt is null && (IsImportant(memory) ? Factor is { } factor && age >= TimeSpan.FromDays(factor * MaxAge) : age >= TimeSpan.FromDays(MaxAge)))
                {
                    decided[memory.Id] = "archive";
                }
            }

            if (MaxItems is { } most)
            {
                var staying = live.Where(m => !decided.ContainsKey(m.Id)).ToList();
                foreach (var memory in staying.Where(m => !IsHeld(m) && !IsImportant(m)).OrderBy(Since).ThenBy(Importance).ThenBy(m => m.Sequence).Take(staying.Count - most))
                {
                    decided[memory.Id] = "archive";
                }
            }

            return decided.Where(item => actions.Contains(item.Value)).ToDictionary();
        }

        private bool IsImportant(Memory memory) => Importance(memory) >= Threshold;

        private bool IsHeld(Memory m) =>
            HoldsAll || _held.Contains(m.Id) || (m.UserId is { } user && _held.Contains(user)) || (m.ConversationId is { } conversation && _held.Contains(conversation));

        private static double Importance(Memory memory) => memory.ImportanceOverride ?? memory.ImportanceBase;

        private static DateTimeOffset Since(Memory memory) => memory.RestoredAt > memory.OccurredAt ? memory.RestoredAt.Value : memory.OccurredAt;
    }
}
