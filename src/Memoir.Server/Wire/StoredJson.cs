using System.Text.Json;
using Memoir.Kit.Data;

namespace Memoir.Server.Wire;

/// <summary>Stored JSON on its way into an answer.</summary>
internal static class StoredJson
{
    private static readonly JsonElement Empty = Parse("{}");

    public static JsonElement Element(Json stored) => stored.Text == "{}" ? Empty : Parse(stored.Text);

    private static JsonElement Parse(string text)
    {
        using var document = JsonDocument.Parse(text);
        return document.RootElement.Clone();
    }
}
