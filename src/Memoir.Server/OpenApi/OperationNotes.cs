using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Memoir.Server.OpenApi;

/// <summary>
/// What the OpenAPI document says beyond the code: each room keeps the ids and examples of its operations beside its
/// contracts, in <c>operations.json</c>; parameters that several rooms share are in the one of this folder.
/// </summary>
internal sealed partial class OperationNotes
{
    private const string File = ".operations.json";

    private readonly Dictionary<string, JsonObject> _operations = new(StringComparer.Ordinal);
    private readonly Dictionary<string, JsonNode> _tags = new(StringComparer.Ordinal);
    private readonly Dictionary<string, JsonNode> _parameters = new(StringComparer.Ordinal);

    public OperationNotes()
    {
        var assembly = typeof(OperationNotes).Assembly;
        foreach (var name in assembly.GetManifestResourceNames().Where(name => name.EndsWith(File, StringComparison.Ordinal)))
        {
            using var stream = assembly.GetManifestResourceStream(name)!;
            var room = JsonNode.Parse(stream)!.AsObject();
            Take(room["tags"], _tags, tag => tag);
            Take(room["parameters"], _parameters, parameter => parameter);
            Take(room["operations"], _operations, operation => operation.AsObject());
        }
    }

    /// <summary>Every operation that has notes, as <c>POST /v1/messages</c>.</summary>
    public IEnumerable<string> Operations => _operations.Keys;

    public string? OfTag(string tag) => _tags.GetValueOrDefault(tag)?.GetValue<string>();

    public string? IdOf(string operation) => Find(operation, "operation_id")?.GetValue<string>();

    public JsonNode? RequestOf(string operation) => Find(operation, "request")?.DeepClone();

    /// <summary>Of a body of a further media type.</summary>
    public JsonNode? RequestOf(string operation, string mediaType) => Find(operation, "requests")?[mediaType]?.DeepClone();

    public JsonNode? AnswerOf(string operation) => Find(operation, "answer")?.DeepClone();

    /// <summary>Description, schema and example of a parameter: the operation's own, else the common one.</summary>
    public JsonObject? ParameterOf(string operation, string name) =>
        (Find(operation, "parameters")?[name] ?? _parameters.GetValueOrDefault(name))?.AsObject();

    /// <summary>A path as the wire spells it: <c>/v1/conversations/{conversation_id}/messages</c>, without constraints and end slash.</summary>
    public static string Spell(string path)
    {
        var spelled = new StringBuilder();
        foreach (var letter in Constraint().Replace(path, "").TrimEnd('/'))
        {
            spelled.Append(char.IsUpper(letter) ? $"_{char.ToLowerInvariant(letter)}" : letter);
        }

        return spelled.ToString();
    }

    [GeneratedRegex(":[^/}]*(?=})")]
    private static partial Regex Constraint();

    private JsonNode? Find(string operation, string member) => _operations.GetValueOrDefault(operation)?[member];

    private static void Take<T>(JsonNode? members, Dictionary<string, T> into, Func<JsonNode, T> read)
    {
        foreach (var (name, value) in members?.AsObject() ?? [])
        {
            into.Add(name, read(value!));
        }
    }
}
