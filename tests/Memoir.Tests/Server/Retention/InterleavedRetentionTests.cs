using System.Net;
using Memoir.Tests.Server.Processes;
using Memoir.Tests.Testing;
using static Memoir.Tests.Server.Processes.TwoProcesses;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Retention;

/// <summary>Two processes archive, bring back, change, replace, delete and merge in any order, with and without files; an index read anew agrees with both.</summary>
public sealed class InterleavedRetentionTests : IDisposable
{
    private static readonly string[] Words = ["garden", "kettle", "river", "piano"];

    private readonly string _folder = Directory.CreateTempSubdirectory("memoir-archive-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(1, 1, false)]
    [InlineData(2, 4, false)]
    [InlineData(3, 1, true)]
    [InlineData(4, 4, true)]
    [InlineData(5, 12, true)]
    public async Task After_every_step_both_answer_as_an_index_that_was_just_read(int seed, int stepsBetween, bool inFiles)
    {
        await using var both = inFiles
            ? await TwoProcesses.StartAsync(TestEngines.Current, ("ArchiveDirectory", _folder))
            : await TwoProcesses.StartAsync(TestEngines.Current);
        var random = new Random(seed);
        var texts = new Dictionary<string, string>();
        var done = "";
        for (var step = 1; step <= 60; step++)
        {
            var process = random.Next(2) == 0 ? both.A : both.B;
            done += $"{(process == both.A ? 'A' : 'B')}: {await StepAsync(both, process, random, texts, step)}, ";
            if (step % stepsBetween == 0)
            {
                await both.AssertCurrentAsync($"seed {seed}: {done}");
            }
        }

        await both.AssertCurrentAsync($"seed {seed}: {done}");
        foreach (var (id, text) in texts)
        {
            Assert.Equal(text, (await both.A.As("acme").ReadAsync($"/v1/messages/{id}")).Text("content"));
        }

        var found = await both.B.As("acme").SearchAsync("we talked", ("include_archived", true), ("top_k", 100), ("mode", "lexical"));
        Assert.Equal(texts.Values.Order(StringComparer.Ordinal), found.Each("content").Order(StringComparer.Ordinal));
        await both.A.RunJobsAsync();
        Assert.Equal(0, await RawDatabase.CountAsync(both.A, "acme", "SELECT COUNT(*) FROM jobs WHERE tenant_id = 'acme' AND status <> 'succeeded'"));
    }

    private static async Task<string> StepAsync(TwoProcesses both, TestApp process, Random random, Dictionary<string, string> texts, int step)
    {
        both.A.Time.Advance(TimeSpan.FromSeconds(1));
        var client = process.As("acme");
        var content = $"We talked about the {Words[random.Next(4)]} and the {Words[random.Next(4)]}, number {step}.";
        string Any() => texts.Keys.ElementAt(random.Next(texts.Count));
        switch (random.Next(16))
        {
            case < 5:
                texts[(await client.StoreAsync(content, ("role", "tool"))).Text("id")!] = content;
                return "store";
            case < 8:
                texts[(await client.StoreAsync(content, ("role", "tool"), ("external_id", $"e{random.Next(3)}"))).Text("id")!] = content;
                return "store or replace";
            case < 11:
                await process.PutPolicyAsync(maxAge: 36_500, threshold: 1, maxItems: random.Next(6));
                return $"archive {(await process.RunAsync(false, "archive")).Counts().Archived}";
            case 11 when texts.Count > 0:
                Assert.Equal(HttpStatusCode.OK, (await client.SendAsync("POST", $"/v1/messages/{Any()}/restore")).StatusCode);
                return "bring back";
            case 12 when texts.Count > 0:
                await client.SendAsync("PATCH", $"/v1/messages/{Any()}", $$$"""{"metadata":{"step":{{{step}}}}}""");
                return "change";
            case 13 when texts.Count > 0:
                var gone = Any();
                Assert.Equal(HttpStatusCode.NoContent, (await client.DeleteAsync($"/v1/messages/{gone}", Ct)).StatusCode);
                texts.Remove(gone);
                return "delete";
            default:
                await Task.WhenAll(MergeAsync(both.A), MergeAsync(both.B));
                return "merge both";
        }
    }
}
