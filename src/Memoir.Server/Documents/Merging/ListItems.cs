using System.Text.Json;
using System.Text.Json.Nodes;

namespace Memoir.Server.Documents.Merging;

/// <summary>When two items of a list are the same: by their id, else by all that they say.</summary>
internal static class ListItems
{
    public static string KeyOf(JsonNode? item) => IdOf(item) is { } id ? $"id {id}" : $"is {Canonical.Of(item)}";

    public static string? IdOf(JsonNode? item) =>
        item is JsonObject some && some["id"] is JsonValue id && id.GetValueKind() is JsonValueKind.String or JsonValueKind.Number ? id.ToString() : null;
}
