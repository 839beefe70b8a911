using System.Security.Cryptography;
using System.Text.Json;
using Memoir.Kit.Files;
using Memoir.Kit.Http.Json;

namespace Memoir.Server.Commands.Import;

/// <summary>
/// How far an import came, kept beside the file until it is done. It only saves time: what it says is believed when the
/// file is the same and the server still has the messages it names, and storing a message again changes nothing.
/// </summary>
internal sealed record ImportProgress
{
    private const int Sample = 64 * 1024;
    private static readonly JsonSerializerOptions Options = StrictJson.Options(ImportJson.Default);

    /// <summary>Length and both ends of the file, and what else decides which messages it holds.</summary>
    public required string Fingerprint { get; init; }

    public required long Count { get; init; }

    public required long Offset { get; init; }

    public required long Stored { get; init; }

    public required long Refused { get; init; }

    public required long RejectedBytes { get; init; }

    public required string Tenant { get; init; }

    /// <summary>The first and the last message that the server acknowledged.</summary>
    public required IReadOnlyList<Guid> Witnesses { get; init; }

    public static string PathFor(string file) => file + ".progress.json";

    public static async Task<string> FingerprintAsync(FileStream file, string format, ImportDefaults defaults, CancellationToken ct)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(JsonSerializer.SerializeToUtf8Bytes(new[] { "1", format, defaults.TenantOrDefault, defaults.User ?? "" }));
        hash.AppendData(BitConverter.GetBytes(file.Length));
        hash.AppendData(BitConverter.GetBytes(File.GetLastWriteTimeUtc(file.SafeFileHandle).Ticks));
        var buffer = new byte[Sample];
        foreach (var at in (long[])[0, Math.Max(0, file.Length - Sample)])
        {
            file.Position = at;
            hash.AppendData(buffer.AsSpan(0, await file.ReadAtLeastAsync(buffer, Sample, throwOnEndOfStream: false, ct)));
        }

        file.Position = 0;
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <returns>The progress of an import of this very file; null when there is none that can be used.</returns>
    public static async Task<ImportProgress?> LoadAsync(string file, string fingerprint, CancellationToken ct)
    {
        byte[] bytes = [];
        if (await Files.TryAsync(async () => bytes = await File.ReadAllBytesAsync(PathFor(file), ct)) is not null)
        {
            return null;
        }

        try
        {
            var read = JsonSerializer.Deserialize<ImportProgress>(bytes, Options);
            return read?.Fingerprint == fingerprint ? read : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <returns>False where the folder cannot be written: then a next run begins anew.</returns>
    public async Task<bool> SaveAsync(string file, CancellationToken ct) => await Files.TryAsync(() =>
        DurableFiles.WriteAtomicallyAsync(PathFor(file), JsonSerializer.SerializeToUtf8Bytes(this, Options), DurableFiles.Private, ct)) is null;

    /// <summary>Where it cannot be deleted it was never written either.</summary>
    public static void Forget(string file) => Files.Try(() => File.Delete(PathFor(file)));
}
