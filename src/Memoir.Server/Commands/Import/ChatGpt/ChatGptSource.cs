using System.Runtime.CompilerServices;
using System.Text.Json;

namespace Memoir.Server.Commands.Import.ChatGpt;

/// <summary>ChatGPT's export: <c>conversations.json</c>, or the archive it came in.</summary>
internal sealed class ChatGptSource(IReadOnlyList<Func<Stream>> files, ImportDefaults defaults) : IMessageSource
{
    /// <summary>A conversation is read as a whole; years of daily use stay far below this.</summary>
    public const int LargestConversation = 32 * 1024 * 1024;

    private static readonly JsonDocumentOptions Deep = new() { MaxDepth = 256 };

    private readonly SkipCounts _skipped = new();

    public string Unit => "conversation";

    public SourcePosition Position { get; private set; }

    public IReadOnlyDictionary<string, long> Skipped => _skipped.Counts;

    public async IAsyncEnumerable<SourceEntry> ReadAsync(SourcePosition from, [EnumeratorCancellation] CancellationToken ct)
    {
        Position = from;
        var before = 0L; // Bytes of the files before this one.
        var number = 0L;
        foreach (var open in files)
        {
            await using var stream = open();
            var array = new ArrayReader(stream, LargestConversation);
            while (await array.ReadAsync(ct))
            {
                if (++number > from.Count)
                {
                    foreach (var entry in array.IsTooLarge ? [TooLarge(number)] : Read(number, array.Element))
                    {
                        yield return entry;
                    }
                }

                Position = new SourcePosition(Math.Max(number, from.Count), before + array.Taken);
            }

            if (!array.IsComplete)
            {
                yield return new SourceEntry { Number = number + 1, Refusal = "the file ends in the middle of it" };
            }
            else if (await array.HasMoreAsync(ct))
            {
                yield return new SourceEntry { Number = number + 1, Refusal = "the brackets before it do not match, so it and all that follows was not read" };
            }

            before += array.Taken;
        }
    }

    private static SourceEntry TooLarge(long number) =>
        new() { Number = number, Refusal = $"the conversation is larger than {LargestConversation} bytes" };

    private List<SourceEntry> Read(long number, ReadOnlyMemory<byte> element)
    {
        try
        {
            using var json = JsonDocument.Parse(element, Deep);
            return new Conversation(json.RootElement, number, defaults, _skipped).Read();
        }
        catch (JsonException exception)
        {
            return [new SourceEntry { Number = number, Refusal = $"it is not JSON (byte {exception.BytePositionInLine} of its line {exception.LineNumber + 1})" }];
        }
        catch (InvalidOperationException)
        {
            return [new SourceEntry { Number = number, Refusal = "its title or ids have half of a surrogate pair" }];
        }
    }
}

/// <summary>Counts what is left out on purpose, by reason.</summary>
internal sealed class SkipCounts
{
    private readonly SortedDictionary<string, long> _counts = new(StringComparer.Ordinal);

    public IReadOnlyDictionary<string, long> Counts => _counts;

    public void Add(string reason, long count = 1)
    {
        if (count > 0)
        {
            _counts[reason] = _counts.GetValueOrDefault(reason) + count;
        }
    }
}
