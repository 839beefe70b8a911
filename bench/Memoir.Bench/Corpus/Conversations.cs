using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Memoir.Bench.Load;

namespace Memoir.Bench.Corpus;

/// <summary>Messages and queries like those of a chat: conversations of about 200 turns, 8 to 40 words a turn, over one year.</summary>
internal sealed class Conversations(Vocabulary vocabulary, int seed)
{
    private const int TurnsPerConversation = 200;
    private static readonly string[] Names =
        ["Ada", "Bruno", "Chiara", "Dmitri", "Elif", "Farid", "Greta", "Hana", "Ivo", "June", "Kofi", "Lena", "Mateo", "Noor", "Olu", "Priya"];
    private static readonly DateTimeOffset FirstDay = new(2025, 11, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly Random _random = new(seed);
    private int _turn;

    public static string Tenant(int number) => $"bench-{number}";

    /// <summary>Single stores.</summary>
    public ReadOnlyMemory<byte>[] Stores(Requests requests, int count, Func<int, string> tenantOf) =>
        [.. Enumerable.Range(0, count).Select(i => requests.Post("/v1/messages", Json(json => Write(json, tenantOf(i)))))];

    /// <summary>Batches that hold <paramref name="messages"/> messages in all; a batch has one tenant.</summary>
    public ReadOnlyMemory<byte>[] Batches(Requests requests, int messages, int perBatch, Func<int, string> tenantOf) =>
        [.. Enumerable.Range(0, (messages + perBatch - 1) / perBatch).Select(batch => requests.Post("/v1/messages/batch", Json(json =>
        {
            json.WriteStartObject();
            json.WriteStartArray("items");
            for (var i = batch * perBatch; i < Math.Min(messages, (batch + 1) * perBatch); i++)
            {
                Write(json, tenantOf(batch));
            }

            json.WriteEndArray();
            json.WriteEndObject();
        })))];

    public ReadOnlyMemory<byte>[] Searches(Requests requests, int count, int tenants) =>
        [.. Enumerable.Range(0, count).Select(i => requests.Get(
            $"/v1/memory/search?tenant_id={Tenant(i % tenants)}&query={Uri.EscapeDataString(vocabulary.Text(_random, 3, 6))}"))];

    /// <summary>A number to shuffle by.</summary>
    public int Draw() => _random.Next();

    /// <summary>One message body, for the echo of the baseline.</summary>
    public byte[] Message() => Json(json => Write(json, Tenant(0)));

    private void Write(Utf8JsonWriter json, string tenant)
    {
        var turn = _turn++;
        var conversation = turn / TurnsPerConversation;
        var fromUser = turn % 2 == 0;
        json.WriteStartObject();
        json.WriteString("tenant_id", tenant);
        json.WriteString("conversation_id", $"c{seed}-{conversation}");
        json.WriteString("user_id", $"u{conversation % 40}");
        json.WriteString("role", fromUser ? "user" : "assistant");
        json.WriteString("name", fromUser ? Names[conversation % Names.Length] : "Memo");
        json.WriteString("content", vocabulary.Text(_random, 8, 40));
        json.WriteString("created_at", FirstDay.AddSeconds(turn * 311L % (365 * 86_400))
            .ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture));
        json.WriteEndObject();
    }

    private static byte[] Json(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(buffer))
        {
            write(json);
        }

        return buffer.WrittenSpan.ToArray();
    }
}
