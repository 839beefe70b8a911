using Memoir.Server.Commands.Eval;
using Memoir.Server.Memories;
using Memoir.Server.Recall;
using Memoir.Server.Recall.Index;

namespace Memoir.Bench;

/// <summary>A question set with one index per group, filled as <c>memoir eval</c> fills a server.</summary>
internal sealed class RecallSet
{
    private RecallSet(List<Group> groups) => Groups = groups;

    public List<Group> Groups { get; }

    public static RecallSet Load(string path, int? half) => new([.. QuestionSet.Load(path).Half(half).Groups.Select(Fill)]);

    private static Group Fill(QuestionSet.Group group)
    {
        var index = new TenantIndex();
        var ids = new List<string>();
        var texts = new List<string>();
        var places = new Dictionary<string, int>();
        foreach (var turn in group.Turns)
        {
            // Some sets repeat ids. The same external id again replaces the message, here as through the API.
            var isNew = places.TryAdd(turn.ExternalId, ids.Count);
            index.Put(Analyzer.Analyse(new IndexedMemory(places[turn.ExternalId], turn.Conversation, turn.Text, turn.When)
            {
                Role = turn.Role == "assistant" ? MemoryRole.Assistant : MemoryRole.User,
                Name = turn.Name,
                Importance = (float)Importance.Base(turn.Role, turn.Text),
            }));
            if (isNew)
            {
                ids.Add(turn.Id);
                texts.Add(turn.Text);
            }
            else
            {
                texts[places[turn.ExternalId]] = turn.Text;
            }
        }

        return new Group(index, ids, texts, [.. group.Questions]);
    }

    /// <summary>One tenant with its questions.</summary>
    internal sealed record Group(TenantIndex Index, List<string> Ids, List<string> Texts, List<QuestionSet.Question> Questions);
}
