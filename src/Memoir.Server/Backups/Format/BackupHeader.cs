using System.Text.Json.Serialization;

namespace Memoir.Server.Backups.Format;

/// <summary>
/// What a backup says of itself before anything of it is decrypted. Every chunk is bound to it, so nothing of it can be
/// changed.
/// </summary>
internal sealed record BackupHeader
{
    /// <summary>Random, 32 hexadecimal digits: which backup this is.</summary>
    public required string File { get; init; }

    /// <summary>The instant that it holds.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>The version of the program that made it.</summary>
    public required string Program { get; init; }

    /// <summary><c>sqlite</c> or <c>postgresql</c>; either can be restored into either.</summary>
    public required string Engine { get; init; }

    /// <summary>The number of the last migration of the database.</summary>
    public required int Schema { get; init; }

    /// <summary>The key of the installation, by which it is encrypted and signed.</summary>
    public required string Key { get; init; }
}

/// <summary>What a backup holds, at its end: who finds it, and it is right, has all of the file.</summary>
internal sealed record BackupManifest
{
    /// <summary>That of the header.</summary>
    public required string File { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required int Tenants { get; init; }

    public required long Rows { get; init; }

    /// <summary>How many rows of all tenants each table has.</summary>
    public required IReadOnlyDictionary<string, long> Tables { get; init; }

    /// <summary>SHA-256 over tenant, table, number of rows and SHA-256 of each table of each tenant, in their order.</summary>
    public required string Contents { get; init; }

    /// <summary>SHA-256 over all bytes of the file before the manifest.</summary>
    public required string Bytes { get; init; }
}

/// <summary>The manifest as it is signed.</summary>
/// <param name="Manifest">Its JSON.</param>
/// <param name="Key">Who signed it.</param>
/// <param name="Signature">Over the bytes of the JSON.</param>
internal sealed record BackupSeal(byte[] Manifest, string Key, string Signature);

/// <summary>Whose rows of which table come next.</summary>
/// <param name="Tenant">Whose.</param>
/// <param name="Table">Of which.</param>
/// <param name="Columns">The columns of each row, in order.</param>
internal sealed record BackupTable(string Tenant, string Table, IReadOnlyList<string> Columns);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(BackupHeader))]
[JsonSerializable(typeof(BackupManifest))]
[JsonSerializable(typeof(BackupSeal))]
[JsonSerializable(typeof(BackupTable))]
internal sealed partial class BackupJson : JsonSerializerContext;
