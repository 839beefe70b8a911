namespace Memoir.Faults.Common;

/// <summary>One request as it is sent and written into the ledger.</summary>
internal record Request(long Number, string Kind, string Tenant, HttpMethod Method, string Path)
{
    /// <summary>How audit records name it; the same when it is sent again.</summary>
    public string Id => $"op-{Number}";

    public byte[]? Body { get; init; }

    /// <summary>The Idempotency-Key, when one is sent.</summary>
    public string? Key { get; init; }
}
