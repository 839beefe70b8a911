using System.Text.Json;

namespace Memoir.Server.Commands.Import.ChatGpt;

/// <summary>What of a message is something that somebody said.</summary>
internal static class MessagePart
{
    private const int MostAttachments = 16;

    /// <summary>Why a message is not part of what was said; null when it is.</summary>
    public static string? ReasonToSkip(JsonElement message)
    {
        var metadata = message.Member("metadata");
        var content = message.Member("content")?.Text("content_type");
        if (metadata?.Member("is_visually_hidden_from_conversation") is { ValueKind: JsonValueKind.True }
            || message.Member("weight") is { ValueKind: JsonValueKind.Number } weight && weight.GetDouble() == 0
            || content is "user_editable_context" or "model_editable_context")
        {
            return "hidden";
        }

        return message.Member("author")?.Text("role") switch
        {
            "system" => "system messages",
            "tool" => "tool calls and results",
            "assistant" when message.Text("recipient") is { } recipient && recipient != "all" => "tool calls and results",
            _ when content is "thoughts" or "reasoning_recap" => "reasoning",
            _ when content is "execution_output" or "tether_browsing_display" or "tether_quote" or "system_error" => "tool calls and results",
            _ => null,
        };
    }

    /// <summary>The text of a message's content; what is no text is listed by its kind.</summary>
    public static string Read(JsonElement? content, out IReadOnlyList<string> attachments)
    {
        var texts = new List<string>();
        var others = new List<string>();
        attachments = others;
        if (content is not { ValueKind: JsonValueKind.Object } body)
        {
            return "";
        }

        if (body.Member("parts") is { ValueKind: JsonValueKind.Array } parts)
        {
            foreach (var part in parts.EnumerateArray())
            {
                if (part.ValueKind is JsonValueKind.String)
                {
                    texts.Add(part.GetString()!);
                }
                else if (part.ValueKind is JsonValueKind.Object && part.Text("text") is { } text)
                {
                    texts.Add(text); // A transcription of what was spoken.
                }
                else if (part.ValueKind is JsonValueKind.Object && others.Count < MostAttachments)
                {
                    others.Add(Kind(part));
                }
            }
        }
        else if ((body.Text("text") ?? body.Text("result")) is { } text)
        {
            texts.Add(text);
        }

        return string.Join('\n', texts.Where(text => text.Length > 0)).Trim();
    }

    private static string Kind(JsonElement part)
    {
        var kind = part.Text("content_type") ?? "unknown";
        var where = part.Text("asset_pointer");
        var whole = where is null ? kind : $"{kind} {where}";
        return whole.Length <= 200 ? whole : whole[..200];
    }
}

/// <summary>Reads exports of many years: a member may be missing, null, or of another type than today.</summary>
internal static class LooseJson
{
    public static JsonElement? Member(this JsonElement element, string name) =>
        element.ValueKind is JsonValueKind.Object && element.TryGetProperty(name, out var member) ? member : null;

    public static string? Text(this JsonElement element, string name) =>
        element.Member(name) is { ValueKind: JsonValueKind.String } text ? text.GetString() : null;

    /// <summary>Seconds since 1970 with a fraction, in whole microseconds.</summary>
    public static DateTimeOffset? Time(this JsonElement element, string name) =>
        element.Member(name) is { ValueKind: JsonValueKind.Number } number && number.TryGetDouble(out var seconds) && seconds is > 0 and < 32_503_680_000
            ? DateTimeOffset.UnixEpoch.AddMicroseconds(Math.Round(seconds * 1e6))
            : null;
}
