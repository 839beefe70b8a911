using System.Text.Json.Serialization;

namespace Memoir.Server.Backups;

/// <summary>A backup in the server's folder, or on the way there.</summary>
public sealed record BackupResponse
{
    public required string Name { get; init; }

    /// <summary><c>waiting</c>, <c>running</c>, <c>complete</c> (read back, on the disk) or <c>failed</c>.</summary>
    public required string State { get; init; }

    /// <summary>When it was asked for; the name says the same.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>Where it is on the server's machine.</summary>
    public required string Path { get; init; }

    /// <summary>There when it is complete.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? Bytes { get; init; }

    /// <summary>There when it failed: why.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Error { get; init; }
}

/// <summary>Answer of <c>GET /v1/admin/backups</c>, the newest first.</summary>
public sealed record BackupList(IReadOnlyList<BackupResponse> Items);

/// <summary>Answer of <c>POST /v1/admin/backups/{name}/verify</c>: all of the file was read and is as it was written.</summary>
public sealed record BackupCheckResponse
{
    public required string Name { get; init; }

    /// <summary>The instant that it holds.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    public required int Tenants { get; init; }

    public required long Rows { get; init; }

    /// <summary>How many rows of all tenants each table has.</summary>
    public required IReadOnlyDictionary<string, long> Tables { get; init; }
}

[JsonSerializable(typeof(BackupCheckResponse))]
[JsonSerializable(typeof(BackupResponse))]
[JsonSerializable(typeof(BackupList))]
internal sealed partial class BackupsJson : JsonSerializerContext;
