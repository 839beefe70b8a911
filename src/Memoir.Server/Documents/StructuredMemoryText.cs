using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Memoir.Kit.Http;
using Memoir.Kit.Http.Json;

namespace Memoir.Server.Documents;

/// <summary>A structured memory as it is stored: its sections in one order, always all of them, without members that say nothing.</summary>
internal static class StructuredMemoryText
{
    /// <summary>Of a user of whom nothing is known.</summary>
    public const string Empty = """{"profile":{},"working_memory":{},"long_term_knowledge":{},"session_snapshots":[],"events":[]}""";

    public static readonly JsonSerializerOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static readonly JsonSerializerOptions Indented = new(Readable) { WriteIndented = true };

    private static readonly JsonSerializerOptions Options = new(StrictJson.Options(DocumentsJson.Default)) { DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull };

    /// <summary>What a body says, checked and in the stored spelling.</summary>
    /// <exception cref="ProblemException">400 for what is no structured memory, 422 for what breaks a rule of one.</exception>
    public static string Of(ReadOnlySpan<byte> json) => Spell(StrictJson.Parse(json, (JsonTypeInfo<StructuredMemory>)Options.GetTypeInfo(typeof(StructuredMemory))));

    /// <summary>The same of what a merge made.</summary>
    public static string Of(JsonObject merged)
    {
        merged.Remove("user_id");
        return Of(Encoding.UTF8.GetBytes(merged.ToJsonString(Readable)));
    }

    /// <summary>As its readers see it and as patches speak of it.</summary>
    public static string Answer(string userId, string content) => $"{{\"user_id\":{Quoted(userId)},{content.AsSpan(1)}";

    public static JsonObject Node(string userId, string content) => JsonNode.Parse(Answer(userId, content))!.AsObject();

    public static string Quoted(string text) => JsonSerializer.Serialize(text, Options.GetTypeInfo(typeof(string)));

    private static string Spell(StructuredMemory memory)
    {
        StructuredMemoryChecks.Require(memory);
        var whole = new StructuredMemory
        {
            Profile = memory.Profile ?? new UserProfile(),
            WorkingMemory = memory.WorkingMemory ?? new WorkingMemory(),
            LongTermKnowledge = memory.LongTermKnowledge ?? new LongTermKnowledge(),
            SessionSnapshots = memory.SessionSnapshots ?? [],
            Events = memory.Events ?? [],
        };
        return JsonSerializer.Serialize(whole, Options.GetTypeInfo(typeof(StructuredMemory)));
    }
}
