using System.Text.Json;

namespace Memoir.Server.Commands.Loadtest;

/// <summary>Messages and questions of made-up words, some of them much more frequent than others, as in real text.</summary>
internal sealed class LoadText(string tenant, int seed)
{
    private const int Words = 4000;
    private const int Conversations = 64;
    private const int Users = 16;

    private static readonly string[] Syllables = ["ba", "ke", "lo", "mi", "nu", "pra", "ri", "sto", "ta", "ve", "wo", "zi", "da", "fe", "go", "hu"];

    private readonly Random _random = new(seed);

    public Random Random => _random;

    /// <summary>Body of a store.</summary>
    public byte[] Message() => JsonSerializer.SerializeToUtf8Bytes(NewMessage());

    /// <summary>Body of a store of many.</summary>
    public byte[] Batch(int messages) => JsonSerializer.SerializeToUtf8Bytes(new { items = Enumerable.Range(0, messages).Select(_ => NewMessage()) });

    /// <summary>Body of a search.</summary>
    public byte[] Question() => JsonSerializer.SerializeToUtf8Bytes(
        new Dictionary<string, object> { ["tenant_id"] = tenant, ["query"] = Sentence(_random.Next(2, 7)), ["top_k"] = 5 });

    /// <summary>The address of a list.</summary>
    public string List() => $"v1/conversations/{Conversation()}/messages?limit=20&tenant_id={Uri.EscapeDataString(tenant)}";

    private Dictionary<string, string> NewMessage() => new()
    {
        ["tenant_id"] = tenant,
        ["conversation_id"] = Conversation(),
        ["user_id"] = FormattableString.Invariant($"user-{_random.Next(Users)}"),
        ["role"] = _random.Next(2) == 0 ? "user" : "assistant",
        ["content"] = Sentence(_random.Next(8, 41)),
    };

    private string Conversation() => FormattableString.Invariant($"conversation-{_random.Next(Conversations)}");

    private string Sentence(int words) => string.Join(' ', Enumerable.Range(0, words).Select(_ => Word()));

    /// <summary>The word of a rank that halves its chance wherever it doubles.</summary>
    private string Word()
    {
        var rank = (int)Math.Pow(Words, _random.NextDouble()) - 1;
        var word = "";
        for (var rest = rank + Syllables.Length; rest > 0; rest /= Syllables.Length)
        {
            word += Syllables[rest % Syllables.Length];
        }

        return word;
    }
}
