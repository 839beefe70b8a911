using System.Text.Json.Nodes;

namespace Memoir.Server.Documents.Merging;

/// <summary>What changed between two versions, a line for each change, for people: <c>profile.name: "Ann" → "Anna"</c>.</summary>
internal static class DocumentDiff
{
    private const int MostLines = 100;
    private const int MostValue = 120;
    private const int MostPath = 300;

    public static string Between(string before, string after)
    {
        var lines = new List<string>();
        var more = 0;
        Compare("", JsonNode.Parse(before), JsonNode.Parse(after), line =>
        {
            if (lines.Count < MostLines)
            {
                lines.Add(line());
            }
            else
            {
                more++;
            }
        });
        if (more > 0)
        {
            lines.Add($"… and {more} more changes");
        }

        return string.Join('\n', lines);
    }

    private static void Compare(string path, JsonNode? before, JsonNode? after, Action<Func<string>> add)
    {
        switch (before, after)
        {
            case (JsonObject old, JsonObject now):
                foreach (var (name, value) in old.Where(member => !now.ContainsKey(member.Key)))
                {
                    Tell(Join(path, name), value, "removed", add);
                }

                foreach (var (name, value) in now)
                {
                    if (old.TryGetPropertyValue(name, out var was))
                    {
                        Compare(Join(path, name), was, value, add);
                    }
                    else
                    {
                        Tell(Join(path, name), value, "added", add);
                    }
                }

                break;
            case (JsonArray old, JsonArray now):
                CompareLists(path, old, now, add);
                break;
            default:
                if (!JsonNode.DeepEquals(before, after))
                {
                    add(() => $"{path}: {Short(before)} → {Short(after)}");
                }

                break;
        }
    }

    /// <summary>Items with an id are the same item; the others are there or not. A list whose items only changed places says so.</summary>
    private static void CompareLists(string path, JsonArray before, JsonArray after, Action<Func<string>> add)
    {
        var changes = 0;
        void Count(Func<string> line)
        {
            changes++;
            add(line);
        }

        var old = Grouped(before);
        foreach (var item in after)
        {
            var key = ListItems.KeyOf(item);
            if (old.TryGetValue(key, out var was) && was.TryDequeue(out var match))
            {
                Compare(Bounded($"{path}[{Cut(ListItems.IdOf(item) ?? "…")}]"), match, item, Count);
            }
            else
            {
                Count(() => $"{path}: added {Short(item)}");
            }
        }

        foreach (var gone in old.Values.SelectMany(items => items))
        {
            Count(() => $"{path}: removed {Short(gone)}");
        }

        if (changes == 0 && !JsonNode.DeepEquals(before, after))
        {
            add(() => $"{path}: in another order");
        }
    }

    private static Dictionary<string, Queue<JsonNode?>> Grouped(JsonArray items)
    {
        var groups = new Dictionary<string, Queue<JsonNode?>>(StringComparer.Ordinal);
        foreach (var item in items)
        {
            var key = ListItems.KeyOf(item);
            if (!groups.TryGetValue(key, out var group))
            {
                groups[key] = group = new Queue<JsonNode?>();
            }

            group.Enqueue(item);
        }

        return groups;
    }

    /// <summary>What came or went whole, member by member; of a list each item.</summary>
    private static void Tell(string path, JsonNode? value, string what, Action<Func<string>> add)
    {
        switch (value)
        {
            case JsonObject { Count: > 0 } some:
                foreach (var (name, inner) in some)
                {
                    Tell(Join(path, name), inner, what, add);
                }

                break;
            case JsonArray { Count: > 0 } list:
                foreach (var item in list)
                {
                    add(() => $"{path}: {what} {Short(item)}");
                }

                break;
            case JsonObject or JsonArray:
                break; // An empty section says nothing.
            default:
                add(() => $"{path}: {what} {Short(value)}");
                break;
        }
    }

    private static string Join(string path, string name) => Bounded(path.Length == 0 ? Cut(name) : $"{path}.{Cut(name)}");

    /// <summary>The end of a long path says more than its beginning.</summary>
    private static string Bounded(string path) => path.Length <= MostPath ? path : $"…{path[(char.IsLowSurrogate(path[^MostPath]) ? path.Length - MostPath + 1 : path.Length - MostPath)..]}";

    private static string Short(JsonNode? value) => value is null ? "null" : Cut(value.ToJsonString(StructuredMemoryText.Readable));

    private static string Cut(string text)
    {
        if (text.Length <= MostValue)
        {
            return text;
        }

        var end = char.IsHighSurrogate(text[MostValue - 1]) ? MostValue - 1 : MostValue;
        return text[..end] + "…";
    }
}
