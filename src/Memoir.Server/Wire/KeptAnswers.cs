using Memoir.Kit.Data;

namespace Memoir.Server.Wire;

/// <summary>Where doors say that a memory or a document is: by it the answers that are kept for repetitions are found when it goes.</summary>
internal static class KeptAnswers
{
    /// <summary>A door that stores memories under a path of its own adds it here.</summary>
    private static readonly string[] Paths = ["/v1/messages/", "/v1/memories/"];

    /// <summary>Where a user's structured memory is.</summary>
    public static string OfDocument(string userId) => $"/memory/{Uri.EscapeDataString(userId)}";

    /// <summary>The same, as it is found in kept answers.</summary>
    public static IReadOnlyList<string> OfDocument(Tenant tenant, string userId) => [OfDocument(userId), OfDocument(userId) + Named(tenant)];

    /// <summary>As <see cref="Access.Caller.Locate"/> writes them, for a tenant's key and for an operator's.</summary>
    public static IReadOnlyList<string> Of(Tenant tenant, IReadOnlyList<Guid> memories)
    {
        return [.. from path in Paths from id in memories from ending in (string[])["", Named(tenant)] select $"{path}{id}{ending}"];
    }

    private static string Named(Tenant tenant) => $"?tenant_id={Uri.EscapeDataString(tenant.Id)}";
}
