using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Memoir.Kit.Data;
using Memoir.Kit.Files;
using Memoir.Kit.Http;
using Memoir.Kit.Http.Json;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Privacy.Erasure;

/// <summary>Says that a subject, or a whole tenant, was erased; what a backup has of it from before stays erased.</summary>
public sealed record Tombstone
{
    public required Guid Id { get; init; }

    public required string TenantId { get; init; }

    /// <summary>HMAC-SHA256 of tenant and user, in hexadecimal digits; <c>*</c> for a whole tenant.</summary>
    public required string Subject { get; init; }

    /// <summary>The key of the installation from which the pseudonym was made.</summary>
    public required string KeyId { get; init; }

    public required bool WholeTenant { get; init; }

    /// <summary>What was stored up to this moment is erased.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>The signed receipt, once it is done.</summary>
    public ErasureReceipt? Receipt { get; init; }
}

/// <summary>The tombstones in a file beside the database: a database that is set back to a backup has forgotten its own.</summary>
internal sealed class ErasureLedger(IOptions<DatabaseOptions> options) : IDisposable
{
    public const string FileName = "erasures.jsonl";

    private const int Tries = 50;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);
    private static readonly JsonSerializerOptions Json = StrictJson.Options(LedgerJson.Default);

    private readonly string _path = System.IO.Path.Combine(options.Value.ResolveDataDirectory(), FileName);
    private readonly SemaphoreSlim _turn = new(1, 1);

    public string Path => _path;

    /// <exception cref="ProblemException">507, 503: the storage refused it; the erasure may not be acknowledged.</exception>
    public async Task AppendAsync(Tombstone tombstone, CancellationToken ct)
    {
        try
        {
            await WriteAsync(tombstone, ct);
        }
        catch (SystemException exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new ProblemException(
                IsFull(exception) ? Problem.InsufficientStorage : Problem.StorageUnavailable,
                "The list of what was erased cannot be written, so this cannot be acknowledged; ask again in a moment.");
        }
    }

    private async Task WriteAsync(Tombstone tombstone, CancellationToken ct)
    {
        // An unfinished end, from a power cut, becomes a line of its own.
        var line = Encoding.UTF8.GetBytes($"\n{Spell(tombstone)}\n");
        await _turn.WaitAsync(ct);
        try
        {
            DurableFiles.EnsurePrivateDirectory(System.IO.Path.GetDirectoryName(_path)!);
            for (var attempt = 1; ; attempt++)
            {
                try
                {
                    await DurableFiles.AppendAsync(_path, line, ct);
                    return;
                }
                catch (IOException exception) when (attempt < Tries && (exception.HResult & 0xffff) is 11 or 35 or 32)
                {
                    await Task.Delay(Pause, ct); // Another process of this machine is writing its own.
                }
            }
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>The tombstones of a file, each once; no file has none. A line that was cut short was never acknowledged.</summary>
    public static async Task<IReadOnlyList<Tombstone>> ReadAsync(string path, CancellationToken ct)
    {
        var found = new Dictionary<Guid, Tombstone>();
        if (!File.Exists(path))
        {
            return [];
        }

        await foreach (var line in File.ReadLinesAsync(path, ct))
        {
            if (TryParse(line) is { } tombstone && (tombstone.Receipt is not null || !found.ContainsKey(tombstone.Id)))
            {
                found[tombstone.Id] = tombstone;
            }
        }

        return [.. found.Values.OrderBy(tombstone => tombstone.At)];
    }

    /// <summary>Whether this process has noted an erasure.</summary>
    public async Task<bool> HasAsync(Guid id, CancellationToken ct) => (await ReadAsync(_path, ct)).Any(tombstone => tombstone.Id == id);

    /// <summary>The line of a tombstone, always the same.</summary>
    public static string Spell(Tombstone tombstone) => JsonSerializer.Serialize(tombstone, Json.GetTypeInfo(typeof(Tombstone)));

    public void Dispose() => _turn.Dispose();

    /// <summary>No space, or a quota that is used up; on Windows a full disk.</summary>
    private static bool IsFull(SystemException exception) => (exception.HResult & 0xffff) is 28 or 122 or 112 or 39;

    private static Tombstone? TryParse(string line)
    {
        try
        {
            return line.Length == 0 ? null : (Tombstone?)JsonSerializer.Deserialize(line, Json.GetTypeInfo(typeof(Tombstone)));
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

[JsonSerializable(typeof(Tombstone))]
internal sealed partial class LedgerJson : JsonSerializerContext;
