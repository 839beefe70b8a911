using System.Text;
using System.Text.Json;

namespace Memoir.Faults.Cycles;

/// <summary>Makes up messages: each text starts with a token that occurs nowhere else, so that it can be found again.</summary>
internal sealed class Wording(Random random)
{
    private static readonly string[] Words =
    [
        "garden", "coffee", "travel", "sister", "meeting", "Zürich", "naïve", "budget", "piano", "winter", "recipe", "project",
        "marathon", "東京の天気", "привет", "deadline", "blue", "seventeen", "\"quoted\"", "back\\slash", "🙂", "tab\there", "line\nbreak",
    ];

    public MessageVersion Version(string entity, int number)
    {
        var token = $"{entity}v{number}";
        var content = new StringBuilder(token);
        var words = random.Next(40) == 0 ? random.Next(400, 3_000) : random.Next(3, 30);
        for (var i = 0; i < words; i++)
        {
            content.Append(' ').Append(Words[random.Next(Words.Length)]);
        }

        var fromUser = random.Next(2) == 0;
        return new MessageVersion(
            token,
            fromUser ? "user" : "assistant",
            random.Next(3) == 0 ? $"Speaker {random.Next(5)}" : null,
            content.ToString(),
            Metadata(),
            random.Next(2) == 0 ? random.Next(0, 1_001) / 1_000.0 : null);
    }

    /// <summary>Always the same members, so that replacing and merging them come to the same.</summary>
    public string Metadata() => $$"""{"mark":{{random.Next()}},"tags":["a","{{random.Next(100)}}"],"deep":{"ok":true} }""";

    public double Importance() => random.Next(0, 1_001) / 1_000.0;

    public static void Write(Utf8JsonWriter json, ExpectedMessage message, MessageVersion version)
    {
        json.WriteStartObject();
        json.WriteString("tenant_id", message.Tenant);
        json.WriteString("conversation_id", message.Conversation);
        json.WriteString("role", version.Role);
        json.WriteString("content", version.Content);
        json.WritePropertyName("metadata");
        json.WriteRawValue(version.Metadata);
        if (version.Name is not null)
        {
            json.WriteString("name", version.Name);
        }

        if (version.Importance is { } importance)
        {
            json.WriteNumber("importance_override", importance);
        }

        if (message.ExternalId is not null)
        {
            json.WriteString("external_id", message.ExternalId);
        }

        json.WriteEndObject();
    }

    /// <summary>A batch item that the server must refuse, and only it: it says nothing.</summary>
    public static void WriteRefused(Utf8JsonWriter json, ExpectedMessage message)
    {
        json.WriteStartObject();
        json.WriteString("tenant_id", message.Tenant);
        json.WriteString("conversation_id", message.Conversation);
        json.WriteString("role", "user");
        json.WriteString("content", "");
        json.WriteEndObject();
    }
}
