using System.Net;
using System.Text.Json;
using Memoir.Tests.Testing;
using static Memoir.Tests.Server.Documents.UserMemory;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Documents;

public sealed class DocumentRaceTests
{
    private const int Clients = 100;

    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Theory, MemberData(nameof(Engines))]
    public async Task Of_those_who_name_the_version_none_undoes_what_another_did(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await server.As("acme").PutMemoryAsync("""{"working_memory":{"open_loops":[]}}""");

        await Task.WhenAll(Enumerable.Range(0, Clients).Select(i => Task.Run(async () =>
        {
            using var client = server.As("acme");
            while (true)
            {
                // A merge patch replaces the list, so that whoever changes an old one loses what was added since.
                var read = await client.GetAsync(Ann, Ct).DoneAsync();
                var loops = (await read.JsonAsync(HttpStatusCode.OK)).GetProperty("working_memory").GetProperty("open_loops").EnumerateArray().Select(loop => loop.GetString());
                var body = JsonSerializer.Serialize(new { working_memory = new { open_loops = loops.Append($"loop {i}") } });
                var answer = await client.AskAsync("PATCH", Ann, body, MergePatch, ("If-Match", read.Tag()));
                if (answer.StatusCode == HttpStatusCode.OK)
                {
                    return;
                }

                await answer.RefusedAsync(HttpStatusCode.PreconditionFailed, "precondition-failed");
            }
        }, Ct)));

        var memory = await server.As("acme").GetAsync(Ann, Ct).DoneAsync();
        Assert.Equal($"\"{Clients + 1}\"", memory.Tag());
        await AssertAllThereAsync(server);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task What_many_add_at_once_is_all_there(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);

        var answers = await Task.WhenAll(Enumerable.Range(0, Clients).Select(i => Task.Run(async () =>
        {
            using var client = server.As("acme");
            return (await client.AskAsync("PATCH", Ann, $$$"""{"working_memory":{"open_loops":["loop {{{i}}}"]}}""").DoneAsync()).Tag();
        }, Ct)));

        Assert.Equal(Enumerable.Range(1, Clients).Select(version => $"\"{version}\"").Order(), answers.Order());
        await AssertAllThereAsync(server);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Of_many_who_begin_a_memory_one_does(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);

        var answers = await Task.WhenAll(Enumerable.Range(0, Clients).Select(i => Task.Run(async () =>
        {
            using var client = server.As("acme");
            return (await client.AskAsync("POST", Ann, Named($"name {i}"))).StatusCode;
        }, Ct)));

        Assert.Single(answers, HttpStatusCode.OK);
        Assert.Equal(Clients - 1, answers.Count(status => status == HttpStatusCode.Conflict));
        Assert.Single(await server.As("acme").ActionsAsync());
    }

    private static async Task AssertAllThereAsync(TestApp server)
    {
        var loops = (await server.As("acme").ReadAsync(Ann)).GetProperty("working_memory").GetProperty("open_loops").EnumerateArray().Select(loop => loop.GetString());
        Assert.Equal(Enumerable.Range(0, Clients).Select(i => $"loop {i}").Order(), loops.Order());
    }
}
