using System.Text.Json;
using Memoir.Kit.Data;
using Memoir.Server.Memories;
using Memoir.Server.Quality.Doubts;
using Memoir.Server.Quality.Duplicates;
using Memoir.Tests.Testing;
using Microsoft.Extensions.Options;
using static Memoir.Tests.Architecture.SourceText;

namespace Memoir.Tests.Server.Quality;

/// <summary>Conversations that recall is measured with: honest text of which nothing should be kept from it.</summary>
public sealed class EvaluationTextTests
{
    [Theory]
    [InlineData("bench/recall/data/realmem_items.json", 0, 9)] // Nine of its notes stand twice in one session, letter by letter.
    [InlineData("bench/recall/data/locomo.json", 0, 0)]
    public void Of_the_texts_of_an_evaluation_none_is_doubted_and_hardly_one_said_twice(string file, int mostDoubted, int mostLinked)
    {
        var path = Path.Combine(Root, file);
        if (!File.Exists(path))
        {
            return; // One of them may not be shipped; who has fetched it measures it, too.
        }

        var judge = new DoubtJudge(new RecentlyRecalled(new ManualTime()), Options.Create(new QuarantineOptions()));
        using var set = JsonDocument.Parse(File.ReadAllText(path));
        var (texts, doubted, linked) = (0, new List<string>(), new List<string>());
        foreach (var group in set.RootElement.GetProperty("groups").EnumerateArray())
        {
            var said = new HashSet<Statement>();
            foreach (var doc in group.GetProperty("docs").EnumerateArray())
            {
                var memory = Memory(doc);
                texts++;
                doubted.AddRange(judge.Lasting(memory).Select(reason => $"{reason}: {memory.Content}"));
                if (Statement.Of(memory) is { } statement && !said.Add(statement))
                {
                    linked.Add(memory.Content);
                }
            }
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{file}: {texts} texts, {doubted.Count} doubted, {linked.Count} linked");
        Assert.True(texts > 1000);
        Assert.True(doubted.Count <= mostDoubted, string.Join('\n', doubted));
        Assert.True(linked.Count <= mostLinked, $"{linked.Count}: {string.Join('\n', linked.Take(30))}");
    }

    private static Memory Memory(JsonElement doc) => new()
    {
        Id = Guid.Empty,
        Sequence = 1,
        Version = 1,
        Type = MemoryType.Message,
        Role = doc.TryGetProperty("who", out var who) && who.GetString() == "assistant" ? "assistant" : "user",
        Name = doc.TryGetProperty("who", out var name) ? name.GetString() : null,
        ConversationId = doc.TryGetProperty("sid", out var session) ? session.ToString() : "one",
        Content = doc.GetProperty("text").GetString()!,
        Metadata = Json.EmptyObject,
        ImportanceBase = 0.5,
        SourceClass = "user",
        Writer = "test",
        Channel = "test",
        OccurredAt = DateTimeOffset.UnixEpoch, // All of a conversation on one day: more is linked than would be.
        StoredAt = DateTimeOffset.UnixEpoch,
        UpdatedAt = DateTimeOffset.UnixEpoch,
        EmbeddingStatus = "completed",
    };
}
