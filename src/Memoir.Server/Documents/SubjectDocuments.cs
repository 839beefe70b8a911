using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Server.Wire;

namespace Memoir.Server.Documents;

/// <summary>What other rooms need that look for everything of a subject, or of a tenant: to take it away.</summary>
internal static class SubjectDocuments
{
    private const int PortionSize = 100;

    /// <summary>How much a portion took.</summary>
    internal readonly record struct Gone(long Documents, long Versions, long Answers);

    public static Task<bool> NamesAsync(Session session, string userId) => DocumentStore.HasUserAsync(session, userId);

    /// <summary>Whoever has documents in the tenant, each once.</summary>
    public static Task<IReadOnlyList<string>> ListUsersAsync(Session session) => DocumentStore.ListUsersAsync(session);

    /// <summary>Takes one portion of a user's documents, or of all, with their versions and the answers that were kept about them.</summary>
    /// <param name="session">A session that writes.</param>
    /// <param name="userId">Whose; null for everybody's.</param>
    /// <param name="upTo">Only those that were begun up to then; null for all.</param>
    /// <returns>Nothing when there are no more.</returns>
    public static async Task<Gone> EraseAsync(Session session, string? userId, DateTimeOffset? upTo)
    {
        var (documents, versions, answers) = (0L, 0L, 0L);
        foreach (var document in await DocumentStore.ListAsync(session, userId, upTo ?? Instants.FromMicrosecondsClamped(long.MaxValue / 2000), Guid.Empty, PortionSize))
        {
            if (versions >= PortionSize)
            {
                break;
            }

            var gone = await DocumentStore.DeleteVersionsAsync(session, document.Id, PortionSize);
            versions += gone;
            if (gone == PortionSize)
            {
                break; // There may be more of it.
            }

            await DocumentStore.DeleteAsync(session, document.Id);
            documents++;
            if (document.UserId is { } user)
            {
                var kept = await IdempotentRequest.ListAsync(session, KeptAnswers.OfDocument(session.Tenant, user));
                await IdempotentRequest.ForgetAsync(session, kept);
                answers += kept.Count;
            }
        }

        return new Gone(documents, versions, answers);
    }
}
