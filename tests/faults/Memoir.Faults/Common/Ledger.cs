using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text.Json;

namespace Memoir.Faults.Common;

/// <summary>The append-only record of what was sent and answered, kept outside the server's folder, and of what was found wrong.</summary>
internal sealed class Ledger(string path) : IAsyncDisposable
{
    private readonly StreamWriter _file = new(path, append: true);
    private readonly Lock _gate = new();
    private readonly ConcurrentDictionary<string, int> _counts = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, string> _faulty = new(StringComparer.Ordinal);
    private int _printed;
    private long _operations;
    private long _acknowledged;

    public string Path => path;

    public long Acknowledged => _acknowledged;

    public int Lost => Count("lost");

    public int Torn => Count("torn");

    public int Duplicated => Count("duplicated");

    /// <summary>Answers that the contract does not allow there, every 500 among them.</summary>
    public int Unexpected => Count("unexpected");

    public bool IsClean => _counts.IsEmpty;

    public long NextNumber() => Interlocked.Increment(ref _operations);

    /// <summary>Writes one exchange; status 0 stands for no answer.</summary>
    public void Record(Request request, int status, byte[]? body)
    {
        if (status is >= 200 and <= 299)
        {
            Interlocked.Increment(ref _acknowledged);
        }

        var line = JsonSerializer.Serialize(new
        {
            op = request.Number,
            kind = request.Kind,
            tenant = request.Tenant,
            key = request.Key,
            request = $"{request.Method} {request.Path}",
            request_sha256 = Hash(request.Body),
            at = TimeProvider.System.GetUtcNow(),
            status,
            body_sha256 = Hash(body),
        });
        lock (_gate)
        {
            _file.WriteLine(line);
        }
    }

    /// <summary>Counts a subject that is found wrong, once however often and in however many ways, and prints the first twenty.</summary>
    public void Report(string fault, string subject, string what)
    {
        if (!_faulty.TryAdd(subject, fault))
        {
            return;
        }

        _counts.AddOrUpdate(fault, 1, (_, count) => count + 1);
        lock (_gate)
        {
            _file.WriteLine(JsonSerializer.Serialize(new { fault, subject, what, at = TimeProvider.System.GetUtcNow() }));
        }

        if (Interlocked.Increment(ref _printed) <= 20)
        {
            Console.Error.WriteLine($"{fault}: {subject}: {what}");
        }
    }

    public async ValueTask DisposeAsync() => await _file.DisposeAsync();

    private int Count(string fault) => _counts.GetValueOrDefault(fault);

    private static string? Hash(byte[]? bytes) => bytes is null ? null : Convert.ToHexStringLower(SHA256.HashData(bytes));
}
