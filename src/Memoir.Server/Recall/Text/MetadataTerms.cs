using System.Globalization;
using System.Text.Json;

namespace Memoir.Server.Recall.Text;

/// <summary>Flattens a JSON object into one filter term per scalar leaf, named by its path and value; positions in arrays do not count.</summary>
internal static class MetadataTerms
{
    private const ulong Root = 0x6d65746164617461;

    /// <summary>Adds the term of every scalar leaf of <paramref name="value"/>.</summary>
    public static void Read(JsonElement value, ICollection<ulong> terms) => Read(value, Root, terms);

    private static void Read(JsonElement value, ulong path, ICollection<ulong> terms)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                foreach (var member in value.EnumerateObject())
                {
                    Read(member.Value, TermHash.Of(member.Name, path), terms);
                }

                break;
            case JsonValueKind.Array:
                foreach (var item in value.EnumerateArray())
                {
                    Read(item, path, terms);
                }

                break;
            case JsonValueKind.String:
                Add('s', value.GetString(), path, terms);
                break;
            case JsonValueKind.Number:
                // 1, 1.0 and 1e0 are the same number to the caller.
                Add('n', value.TryGetDecimal(out var exact) ? (exact / 1.0000000000000000000000000000m).ToString(CultureInfo.InvariantCulture)
                    : value.GetDouble().ToString("R", CultureInfo.InvariantCulture), path, terms);
                break;
            case JsonValueKind.True or JsonValueKind.False or JsonValueKind.Null:
                Add('l', value.ValueKind.ToString(), path, terms);
                break;
        }
    }

    private static void Add(char kind, string? text, ulong path, ICollection<ulong> terms) =>
        terms.Add(TermHash.Filter(TermHash.Of(text, TermHash.Step(path, kind))));
}
