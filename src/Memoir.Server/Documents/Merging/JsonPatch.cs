using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Memoir.Kit.Http;
using Memoir.Server.Wire;

namespace Memoir.Server.Documents.Merging;

/// <summary>An operation of a JSON Patch (RFC 6902).</summary>
public sealed record JsonPatchOperation
{
    /// <summary><c>add</c>, <c>remove</c>, <c>replace</c>, <c>move</c>, <c>copy</c> or <c>test</c>.</summary>
    public required string Op { get; init; }

    /// <summary>A JSON Pointer (RFC 6901), such as <c>/working_memory/tasks/0/status</c>; <c>-</c> is the place after the last item.</summary>
    public required string Path { get; init; }

    /// <summary>A JSON Pointer; for <c>move</c> and <c>copy</c>.</summary>
    public string? From { get; init; }

    /// <summary>Any JSON value; for <c>add</c>, <c>replace</c> and <c>test</c>.</summary>
    public JsonElement Value { get; init; }
}

/// <summary>JSON Patch (RFC 6902): all operations in their order, or none.</summary>
internal static class JsonPatch
{
    public const string MediaType = "application/json-patch+json";

    private const int MostOperations = 1000;
    private const int MostDepth = 32;

    /// <param name="target">Changed in place; worth nothing after a refusal.</param>
    /// <param name="operations">In order.</param>
    /// <param name="mostBytes">What the operations may put in and move, all together: copies of copies double.</param>
    /// <exception cref="ProblemException">422 for an operation that cannot be done, 409 for a test that fails, 413 for too many or too large ones.</exception>
    public static void Apply(JsonObject target, IReadOnlyList<JsonPatchOperation> operations, long mostBytes)
    {
        if (operations.Count > MostOperations)
        {
            throw new ProblemException(Problem.PayloadTooLarge, $"A patch may have at most {MostOperations} operations.");
        }

        // The whole document is a place, too: "" names it.
        var holder = new JsonObject { ["root"] = target.DeepClone() };
        var left = mostBytes;
        for (var i = 0; i < operations.Count; i++)
        {
            Apply(holder, operations[i], i, ref left);
        }

        if (holder["root"] is not JsonObject result)
        {
            throw ProblemException.Body("", "The patch leaves something that is no JSON object.");
        }

        target.Clear();
        foreach (var (name, value) in result.ToList())
        {
            result.Remove(name);
            target[name] = value;
        }
    }

    private static void Apply(JsonObject holder, JsonPatchOperation operation, int index, ref long left)
    {
        if (operation is null)
        {
            throw ProblemException.Body($"[{index}]", "must not be null");
        }

        var place = Place.Find(holder, operation.Path, $"[{index}].path");
        switch (operation.Op)
        {
            case "add":
                place.Add(Given(operation, index, ref left));
                break;
            case "remove":
                place.Remove();
                break;
            case "replace":
                place.Replace(Given(operation, index, ref left));
                break;
            case "copy":
                place.Add(Paid(From(holder, operation, index).Get()?.DeepClone(), ref left));
                break;
            case "move":
                Move(holder, operation, index, ref left);
                break;
            case "test":
                if (!JsonNode.DeepEquals(place.Get(), Given(operation, index, ref left)))
                {
                    throw new ProblemException(Problem.Conflict, $"[{index}]: {operation.Path} is not what the test says. Nothing was changed.");
                }

                break;
            default:
                throw ProblemException.Field($"[{index}].op", "must be one of add, remove, replace, move, copy, test");
        }
    }

    private static void Move(JsonObject holder, JsonPatchOperation operation, int index, ref long left)
    {
        var from = From(holder, operation, index);
        if (operation.Path.StartsWith(operation.From + "/", StringComparison.Ordinal))
        {
            throw ProblemException.Field($"[{index}].path", "is inside of what is to be moved");
        }

        var moved = Paid(from.Get(), ref left); // It is walked through each time.
        if (operation.Path == operation.From)
        {
            return;
        }

        from.Remove();
        Place.Find(holder, operation.Path, $"[{index}].path").Add(moved); // The places behind it have changed.
    }

    private static Place From(JsonObject holder, JsonPatchOperation operation, int index) =>
        Place.Find(holder, operation.From ?? throw ProblemException.Body($"[{index}].from", "is missing"), $"[{index}].from");

    private static JsonNode? Given(JsonPatchOperation operation, int index, ref long left) => operation.Value.ValueKind is JsonValueKind.Undefined
        ? throw ProblemException.Body($"[{index}].value", "is missing")
        : Paid(Bounded(operation, index), ref left);

    private static JsonNode? Bounded(JsonPatchOperation operation, int index)
    {
        BoundedNumbers.Require($"[{index}].value", operation.Value);
        return JsonNode.Parse(operation.Value.GetRawText());
    }

    private static JsonNode? Paid(JsonNode? value, ref long left)
    {
        left -= value is null ? 4 : Encoding.UTF8.GetByteCount(value.ToJsonString(StructuredMemoryText.Readable));
        return left >= 0 ? value : throw new ProblemException(Problem.PayloadTooLarge, "The patch puts in and moves more than a document may hold.");
    }

    /// <summary>Where a pointer points to: a member of an object, or a place in a list.</summary>
    private readonly struct Place(JsonNode parent, string token, int depth, string path)
    {
        public static Place Find(JsonObject holder, string pointer, string path)
        {
            if (pointer.Length == 0)
            {
                return new Place(holder, "root", 0, path);
            }

            if (pointer[0] != '/')
            {
                throw ProblemException.Field(path, "must be a JSON Pointer: empty, or beginning with /");
            }

            var node = holder["root"];
            var tokens = pointer.Split('/');
            for (var i = 1; i < tokens.Length - 1; i++)
            {
                node = node is null ? throw Missing(path) : new Place(node, Unescape(tokens[i], path), i, path).Get();
            }

            return node is JsonObject or JsonArray ? new Place(node, Unescape(tokens[^1], path), tokens.Length - 1, path) : throw Missing(path);
        }

        public JsonNode? Get() => parent switch
        {
            JsonObject some => some.TryGetPropertyValue(token, out var value) ? value : throw Missing(path),
            JsonArray list => list[Index(list, list.Count - 1)],
            _ => throw Missing(path),
        };

        public void Add(JsonNode? value)
        {
            RequireShallow(value);
            if (parent is JsonArray list)
            {
                list.Insert(token == "-" ? list.Count : Index(list, list.Count), value);
            }
            else
            {
                ((JsonObject)parent)[token] = value;
            }
        }

        public void Replace(JsonNode? value)
        {
            Get(); // It has to be there.
            RequireShallow(value);
            if (parent is JsonArray list)
            {
                list[Index(list, list.Count - 1)] = value;
            }
            else
            {
                ((JsonObject)parent)[token] = value;
            }
        }

        public void Remove()
        {
            Get();
            if (parent is JsonArray list)
            {
                list.RemoveAt(Index(list, list.Count - 1));
            }
            else
            {
                ((JsonObject)parent).Remove(token);
            }
        }

        /// <summary>Else copies into copies would nest deeper than anything that walks them can go.</summary>
        private void RequireShallow(JsonNode? value)
        {
            if (depth + DepthOf(value) > MostDepth)
            {
                throw ProblemException.Field(path, $"would nest the document more than {MostDepth} deep");
            }
        }

        private static int DepthOf(JsonNode? value) => value switch
        {
            JsonObject some => 1 + some.Select(member => DepthOf(member.Value)).DefaultIfEmpty().Max(),
            JsonArray list => 1 + list.Select(DepthOf).DefaultIfEmpty().Max(),
            _ => 0,
        };

        private int Index(JsonArray list, int last)
        {
            var isIndex = (token is "0" || (token.Length is > 0 and < 10 && token[0] is >= '1' and <= '9'))
                && int.TryParse(token, NumberStyles.None, CultureInfo.InvariantCulture, out var index) && index <= last;
            return isIndex ? int.Parse(token, CultureInfo.InvariantCulture) : throw Missing(path);
        }

        private static string Unescape(string token, string path)
        {
            for (var at = token.IndexOf('~', StringComparison.Ordinal); at >= 0; at = token.IndexOf('~', at + 1))
            {
                if (at + 1 == token.Length || token[at + 1] is not ('0' or '1'))
                {
                    throw ProblemException.Field(path, "has a ~ that is neither ~0 nor ~1");
                }
            }

            return token.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal);
        }

        private static ProblemException Missing(string path) => ProblemException.Field(path, "names no place in the document");
    }
}
