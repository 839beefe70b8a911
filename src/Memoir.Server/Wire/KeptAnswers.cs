using Memoir.Kit.Data;

namespace Memoir.Server.Wire;

/// <summary>Where doors say that a memory is: by it the answers that are kept for repetitions are found when the memory goes.</summary>
internal static class KeptAnswers
{
    /// <summary>A door that stores memories under a path of its own adds it here.</summary>
    private static readonly string[] Paths = ["/v1/messages/"];

    /// <summary>As <see cref="Access.Caller.Locate"/> writes them, for a tenant's key and for an operator's.</summary>
    public static IReadOnlyList<string> Of(Tenant tenant, IReadOnlyList<Guid> memories)
    {
        var named = $"?tenant_id={Uri.EscapeDataString(tenant.Id)}";
        return [.. from path in Paths from id in memories from ending in (string[])["", named] select $"{path}{id}{ending}"];
    }
}
