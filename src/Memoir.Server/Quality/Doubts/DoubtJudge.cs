using System.Text;
using System.Text.Json;
using Memoir.Kit.Data;
using Memoir.Server.Memories;
using Memoir.Server.Wire;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Quality.Doubts;

/// <summary>Looks at what is to be stored and says why it should be kept apart, if it should. Asked before the write, on the request's own thread.</summary>
internal sealed class DoubtJudge(RecentlyRecalled recalled, IOptions<QuarantineOptions> options)
{
    /// <returns>The reasons in their order; none for nearly everything.</returns>
    public IReadOnlyList<string> Judge(Tenant tenant, Memory memory)
    {
        var reasons = Lasting(memory);
        return options.Value.IsOn && memory.Role is "assistant" or "tool" && recalled.IsEchoedBy(tenant, memory.Content)
            ? [.. reasons.Append(DoubtReason.RecalledEcho).Order(StringComparer.Ordinal)]
            : reasons;
    }

    public bool IsOn => options.Value.IsOn;

    /// <summary>The reasons that lie in the memory itself.</summary>
    public IReadOnlyList<string> Lasting(Memory memory)
    {
        if (!options.Value.IsOn)
        {
            return [];
        }

        var reasons = new List<string>();
        var said = SaidIn(memory);
        if (InjectionPatterns.AreIn(said))
        {
            reasons.Add(DoubtReason.InjectionPattern);
        }

        if (memory is { Type: MemoryType.Message, Key: null, Role: null, UserId: null, Name: null })
        {
            reasons.Add(DoubtReason.NoSpeaker);
        }

        if (PromptScaffold.IsIn(said, memory.Role))
        {
            reasons.Add(DoubtReason.RestatedPrompt);
        }

        return reasons;
    }

    /// <summary>What stands before each text of a value is not part of it, and no sentence begins there.</summary>
    private static string SaidIn(Memory memory)
    {
        if (memory.Value is null)
        {
            return memory.Content;
        }

        var texts = new StringBuilder();
        var reader = new Utf8JsonReader(Encoding.UTF8.GetBytes(memory.Value));
        while (reader.Read())
        {
            if (reader.TokenType == JsonTokenType.String)
            {
                texts.Append(reader.GetString()).Append('\n');
            }
        }

        return texts.ToString();
    }

    /// <summary>As a memory keeps them; null when there is none.</summary>
    public static string? Spell(IReadOnlyList<string> reasons) =>
        reasons.Count == 0 ? null : JsonSerializer.Serialize(reasons, WireJson.Of<IReadOnlyList<string>>());

    /// <summary>Those that a memory keeps; null when it is not in quarantine.</summary>
    public static IReadOnlyList<string>? Read(string? stored) =>
        stored is null ? null : JsonSerializer.Deserialize(stored, WireJson.Of<IReadOnlyList<string>>());
}
