using System.Text;
using System.Text.Json;
using Memoir.Kit.Data;

namespace Memoir.Server.Documents;

/// <summary>What exports read of documents, and what their way back writes.</summary>
internal static class DocumentCopies
{
    /// <summary>In the order of their ids.</summary>
    public static Task<IReadOnlyList<DocumentRow>> ListAsync(Session session, string? userId, Guid after, int limit) =>
        DocumentStore.ListAsync(session, userId, Instants.FromMicrosecondsClamped(long.MaxValue / 2000), after, limit);

    /// <summary>Oldest first; those that are damaged, too.</summary>
    public static Task<Portion<DocumentVersion>> ListVersionsAsync(Session session, Guid document, long after, int limit, long weight) =>
        DocumentStore.ListWholeVersionsAsync(session, document, after, limit, weight);

    public static Task<DocumentRow?> FindAsync(Session session, string kind, string name) => DocumentStore.FindAsync(session, new DocumentKey(kind, name, UserId: null));

    public static async Task<bool> IsTakenAsync(Session session, Guid id) => await DocumentStore.FindByIdAsync(session, id) is not null;

    /// <summary>A content as it is stored.</summary>
    /// <exception cref="Memoir.Kit.Http.ProblemException">It is no content of this kind.</exception>
    public static string Spell(string kind, JsonElement content) => kind == DocumentKey.StructuredMemoryKind
        ? StructuredMemoryText.Of(Encoding.UTF8.GetBytes(content.GetRawText()))
        : throw Memoir.Kit.Http.ProblemException.Field("kind", $"must be {DocumentKey.StructuredMemoryKind}");

    /// <summary>Adds versions to a document, or begins it with them; the last of them is its newest.</summary>
    public static async Task AddAsync(Session session, DocumentRow row, IReadOnlyList<DocumentVersion> versions, bool isNew)
    {
        var last = versions[^1];
        var written = row with { Version = last.Version, IsDeleted = last.IsDeletion ? 1 : 0 };
        await (isNew ? DocumentStore.InsertAsync(session, written) : DocumentStore.UpdateAsync(session, written));
        foreach (var version in versions)
        {
            await DocumentStore.InsertVersionAsync(session, version with { Checksum = DocumentChecksum.Of(row.Id, version.Version, version.Content) });
        }
    }
}
