using System.Buffers.Text;
using System.Text;
using Memoir.Kit.Data;
using Memoir.Kit.Files;
using Microsoft.Extensions.Options;

namespace Memoir.Kit.Security;

/// <summary>A signature and the key that made it.</summary>
/// <param name="KeyId">One of <see cref="InstanceKeys.PublicKeys"/>.</param>
/// <param name="Value">ECDSA, P-256 and SHA-256, r and s of 32 bytes each (IEEE P1363), as base64url without padding.</param>
public sealed record Signature(string KeyId, string Value);

/// <summary>What a stranger needs to check a signature.</summary>
/// <param name="KeyId">How signatures name the key.</param>
/// <param name="Pem">SubjectPublicKeyInfo in PEM.</param>
/// <param name="IsCurrent">Whether new signatures are made with it.</param>
public sealed record PublicKey(string KeyId, string Pem, bool IsCurrent);

/// <summary>
/// The keys of this installation, all derived from one secret that the database never holds: who can change the database
/// can sign nothing. Each purpose has keys of its own. Older secrets go on checking and decrypting.
/// </summary>
public sealed class InstanceKeys : IDisposable
{
    public const string FileName = "secret.key";

    private readonly IReadOnlyList<InstanceKey> _keys;

    /// <exception cref="StartupException">The file of the secret cannot be made, read or trusted.</exception>
    public InstanceKeys(IOptions<SecurityOptions> options, IOptions<DatabaseOptions> database)
        : this(options.Value.SecretKeys() is { Count: > 0 } configured ? configured : FromFile(Path.Combine(database.Value.ResolveDataDirectory(), FileName)))
    {
    }

    /// <param name="secrets">The newest first.</param>
    public InstanceKeys(IReadOnlyList<string> secrets) => _keys = [.. secrets.Distinct().Select(secret => new InstanceKey(secret))];

    /// <summary>The key that signs and encrypts from now on: 16 hexadecimal digits.</summary>
    public string KeyId => _keys[0].Id;

    public IReadOnlyList<PublicKey> PublicKeys => [.. _keys.Select((key, at) => new PublicKey(key.Id, key.PublicPem, at == 0))];

    public static bool IsStrong(string secret) => secret.Length >= 32 && secret.Distinct().Count() >= 8;

    /// <summary>The secrets of a file, the newest first: a line each, lines that begin with # are remarks.</summary>
    /// <exception cref="InvalidDataException">A line could be guessed, or there is none.</exception>
    public static IReadOnlyList<string> Parse(string text)
    {
        var lines = text.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Where(line => !line.StartsWith('#')).ToList();
        return lines.Count > 0 && lines.All(IsStrong)
            ? lines
            : throw new InvalidDataException("it must have lines of 32 characters or more, such as openssl rand -hex 32 prints");
    }

    /// <summary>Signs with the newest key.</summary>
    /// <param name="purpose">What the bytes are, for example <c>audit-checkpoint</c>: a signature for one purpose is none for another.</param>
    /// <param name="data">The signature covers the purpose, a zero byte and these.</param>
    public Signature Sign(string purpose, ReadOnlySpan<byte> data) => new(KeyId, Base64Url.EncodeToString(_keys[0].Sign(Signed(purpose, data))));

    /// <summary>False for a wrong signature and for an unknown key alike.</summary>
    public bool Verify(string purpose, ReadOnlySpan<byte> data, Signature signature) =>
        Find(signature.KeyId) is { } key && Base64Url.IsValid(signature.Value) && key.Verify(Signed(purpose, data), Base64Url.DecodeFromChars(signature.Value));

    public bool Knows(string keyId) => Find(keyId) is not null;

    /// <summary>A symmetric key of 32 bytes for a purpose.</summary>
    /// <param name="purpose">Each has a key of its own.</param>
    /// <param name="keyId">From which secret; null for the newest.</param>
    /// <exception cref="KeyNotFoundException">No secret with that id is known here.</exception>
    public byte[] Derive(string purpose, string? keyId) =>
        (Find(keyId ?? KeyId) ?? throw new KeyNotFoundException($"The secret of key {keyId} is not known here.")).Derive(purpose);

    public void Dispose()
    {
        foreach (var key in _keys)
        {
            key.Dispose();
        }
    }

    private static byte[] Signed(string purpose, ReadOnlySpan<byte> data) => [.. Encoding.UTF8.GetBytes(purpose), 0, .. data];

    private static IReadOnlyList<string> FromFile(string path)
    {
        try
        {
            DurableFiles.EnsurePrivateDirectory(Path.GetDirectoryName(path)!);
            if (!File.Exists(path))
            {
                // Of two processes that start at once one makes it, and both read what that one made.
                DurableFiles.TryCreate(path, Encoding.ASCII.GetBytes(Secrets.Random(32) + "\n"));
            }

            return Parse(File.ReadAllText(path));
        }
        catch (SystemException exception) when (exception is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            throw new StartupException(
                $"MEMORY_SECRET_KEY: is not set, and the secret in {path} cannot be made or used: {exception.Message} Example: MEMORY_SECRET_KEY=$(openssl rand -hex 32)", exception);
        }
    }

    private InstanceKey? Find(string keyId) => _keys.FirstOrDefault(key => key.Id == keyId);
}
