using System.Text.Json.Nodes;

namespace Memoir.Server.Documents.Merging;

/// <summary>
/// The merge of plain JSON bodies: objects merge deeply, <c>null</c> leaves a member alone, scalars replace, and a list adds
/// the items that are not there yet; an item that carries an <c>id</c> takes the place of the item of that id.
/// </summary>
internal static class StructuredMerge
{
    /// <summary>Changes <paramref name="target"/>; <paramref name="patch"/> stays as it is.</summary>
    public static void Apply(JsonObject target, JsonObject patch)
    {
        foreach (var (name, value) in patch)
        {
            switch (value, target[name])
            {
                case (null, _):
                    break;
                case (JsonObject from, JsonObject into):
                    Apply(into, from);
                    break;
                case (JsonArray from, JsonArray into):
                    Add(into, from);
                    break;
                case (JsonObject from, _):
                    var fresh = new JsonObject();
                    Apply(fresh, from); // Its nulls leave alone what is not there.
                    target[name] = fresh;
                    break;
                case (JsonArray from, _):
                    var list = new JsonArray();
                    Add(list, from);
                    target[name] = list;
                    break;
                default:
                    target[name] = value.DeepClone();
                    break;
            }
        }
    }

    /// <summary>Looks each item up rather than comparing it with all others: both lists may be as long as a body.</summary>
    private static void Add(JsonArray into, JsonArray from)
    {
        var places = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var i = 0; i < into.Count; i++)
        {
            places.TryAdd(ListItems.KeyOf(into[i]), i);
        }

        foreach (var item in from)
        {
            var key = ListItems.KeyOf(item);
            if (places.TryAdd(key, into.Count))
            {
                into.Add(item?.DeepClone());
            }
            else if (ListItems.IdOf(item) is not null)
            {
                into[places[key]] = item!.DeepClone();
            }
        }
    }
}
