using System.Globalization;
using System.Net;
using System.Text.Json;
using Memoir.Kit.Data;
using Memoir.Server.Memories.Periods;
using Memoir.Server.Recall;
using Memoir.Server.Recall.Indexes;
using Memoir.Server.Recall.Search;
using Memoir.Tests.Testing;
using Microsoft.Extensions.DependencyInjection;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Processes;

/// <summary>Two servers on one database, and what an index that was loaded this moment says of it.</summary>
internal sealed class TwoProcesses : IAsyncDisposable
{
    public static readonly Tenant Acme = new("acme");

    /// <summary>Some minutes after a test began.</summary>
    private static readonly DateTimeOffset Earlier = new(2026, 1, 15, 12, 20, 0, TimeSpan.Zero);

    private static readonly RecallQuestion[] Questions =
    [
        new("the kettle and the garden") { TopK = 20, Neighbours = 2, Explain = true },
        new("who spoke of the river?") { TopK = 50, Mode = RecallMode.Lexical, Explain = true },
        new("number three") { TopK = 10, Mode = RecallMode.Semantic, Explain = true },
        new("piano") { TopK = 5, ImportanceMin = 0.9 },
        new("the kettle and the garden") { TopK = 20, IncludeArchived = true, Explain = true },
        new("the kettle and the garden") { TopK = 20, Moment = Moment.Of(null, Earlier, default), Explain = true },
    ];

    private TwoProcesses(TestApp a, TestApp b)
    {
        A = a;
        B = b;
    }

    public TestApp A { get; }

    public TestApp B { get; }

    public static async Task<TwoProcesses> StartAsync(TestEngine engine, params (string Key, string? Value)[] settings)
    {
        var a = await TestApp.StartAsync(engine, settings);
        return new TwoProcesses(a, TestApp.StartBeside(a));
    }

    /// <summary>One memory, known to both.</summary>
    public async Task<JsonElement> WarmAsync(string content, params (string Name, object? Value)[] members)
    {
        var stored = await A.As("acme").StoreAsync(content, members);
        foreach (var mode in (string[])["lexical", "semantic"])
        {
            Assert.Single((await A.As("acme").SearchAsync(content, ("mode", mode))).Items());
            Assert.Single((await B.As("acme").SearchAsync(content, ("mode", mode))).Items());
        }

        return stored;
    }

    public static Task MergeAsync(TestApp process) => process.Services.GetRequiredService<IndexMerger>().MergeAsync(Acme, Ct);

    public static LoadedIndex Loaded(TestApp process) =>
        process.Services.GetRequiredService<RecallIndexes>().Peek(Acme) ?? throw new InvalidOperationException("The index is not loaded.");

    public static Task<string> AnswersAsync(TestApp process) => AnswersAsync(process.Services.GetRequiredService<RecallService>());

    /// <summary>What is found with an index that is read from the database now.</summary>
    public Task<string> FreshAnswersAsync()
    {
        var indexes = ActivatorUtilities.CreateInstance<RecallIndexes>(A.Services, new IndexMergeQueue());
        return AnswersAsync(ActivatorUtilities.CreateInstance<RecallService>(A.Services, indexes));
    }

    public async Task AssertCurrentAsync(string after)
    {
        var fresh = await FreshAnswersAsync();
        Assert.True(fresh == await AnswersAsync(A), $"A differs after {after}");
        Assert.True(fresh == await AnswersAsync(B), $"B differs after {after}");
    }

    public static async Task<string?> EraseAsync(TestApp process)
    {
        var erased = await process.WithKey(TestApp.OperatorKey).DeleteAsync("/v1/tenants/acme/data", Ct);
        Assert.Equal(HttpStatusCode.NoContent, erased.StatusCode);
        return null;
    }

    public async ValueTask DisposeAsync()
    {
        await B.DisposeAsync();
        await A.DisposeAsync();
    }

    private static async Task<string> AnswersAsync(RecallService recall)
    {
        var answers = new List<string>();
        foreach (var question in Questions)
        {
            var answer = await recall.SearchAsync(Acme, question, Ct);
            answers.Add(JsonSerializer.Serialize(SearchAnswer.Of(answer, question, Earlier)));
            answers.AddRange(answer.Items.Select(item => string.Create(
                CultureInfo.InvariantCulture, $"{item.Memory.Sequence} version {item.Memory.Version}")));
        }

        return string.Join('\n', answers);
    }
}
