using System.Text.Json;
using Memoir.Kit.Audit;
using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Server.Documents;
using Memoir.Server.Memories;
using Memoir.Server.Privacy.Erasure;
using Memoir.Server.Quality;

namespace Memoir.Server.Privacy.Exchange;

/// <summary>A line of an export that is about a document: the document itself, or one of its versions.</summary>
internal sealed record IncomingDocument(long Number, DocumentLine? Document, DocumentVersionLine? Version);

/// <summary>Brings an export's documents back with their versions; one that is there already only gets the versions that it lacks at its end.</summary>
internal sealed class DocumentImport(Database database, ErasureRecords erasures, Intake intake)
{
    private const long LastVersion = 1L << 53;
    private const int PortionSize = 100;
    private const long PortionCharacters = 2_000_000;

    /// <returns>How many documents were begun, and how many versions were added.</returns>
    public async Task<(long Documents, long Versions)> RunAsync(Tenant tenant, ImportLines lines, SensitivePolicy policy, Writer writer, CancellationToken ct)
    {
        var (documents, added) = (0L, 0L);
        (long Number, DocumentLine Line)? open = null;
        var versions = new List<DocumentVersion>();
        var weight = 0L;

        async Task StoreAsync()
        {
            if (open is { } document && versions.Count > 0)
            {
                var stored = await PutAsync(tenant, document.Line, versions, writer, ct);
                documents += stored.IsNew ? 1 : 0;
                added += stored.Versions;
                if (stored.Refusal is not null)
                {
                    lines.Refused(document.Number, stored.Refusal);
                    open = null; // Its further versions have no document.
                }
            }

            versions.Clear();
            weight = 0;
        }

        while (await lines.NextDocumentAsync(ct) is { } next)
        {
            if (next.Document is { } line)
            {
                await StoreAsync();
                var fault = Check(line);
                open = fault is null ? (next.Number, line) : null;
                if (fault is not null)
                {
                    lines.Refused(next.Number, fault);
                }

                continue;
            }

            if (open is not { } current || next.Version!.DocumentId != current.Line.Id)
            {
                lines.Refused(next.Number, "document_id: is not a document of the lines before that was taken");
                continue;
            }

            try
            {
                var version = Screened(RowOf(current.Line, next.Version!, versions.Count == 0 ? 0 : versions[^1].Version), policy);
                versions.Add(version);
                weight += version.Content.Length + version.Diff.Length;
            }
            catch (ProblemException refusal)
            {
                lines.Refused(next.Number, refusal.Message);
            }

            if (versions.Count == PortionSize || weight >= PortionCharacters)
            {
                await StoreAsync();
            }
        }

        await StoreAsync();
        return (documents, added);
    }

    private Task<(bool IsNew, int Versions, string? Refusal)> PutAsync(
        Tenant tenant, DocumentLine line, IReadOnlyList<DocumentVersion> versions, Writer writer, CancellationToken ct)
    {
        var now = intake.Now();
        return database.WriteAsync<(bool, int, string?)>(tenant, async session =>
        {
            if (await erasures.IsErasedAsync(session, line.UserId, line.CreatedAt))
            {
                return (false, 0, "was erased since it was stored");
            }

            var known = await DocumentCopies.FindAsync(session, line.DocumentKind, line.Name);
            if (known is null ? await DocumentCopies.IsTakenAsync(session, line.Id) : known.Id != line.Id)
            {
                return (false, 0, "is there already, and is another document");
            }

            var fresh = versions.Where(version => version.Version > (known?.Version ?? 0)).ToList();
            if (fresh.Count == 0)
            {
                return (false, 0, null);
            }

            var row = new DocumentRow
            {
                Id = line.Id,
                Kind = line.DocumentKind,
                Name = line.Name,
                UserId = line.UserId,
                Version = 0,
                IsDeleted = 0,
                CreatedAt = line.CreatedAt,
                UpdatedAt = line.UpdatedAt,
            };
            await DocumentCopies.AddAsync(session, row, fresh, isNew: known is null);
            await AuditLog.AppendAsync(session, new AuditRecord(writer.Credential, "document.import", line.Id.ToString(), fresh.Count, writer.RequestId), now);
            return (known is null, fresh.Count, null);
        }, ct);
    }

    private static string? Check(DocumentLine line) => line switch
    {
        { DocumentKind: not DocumentKey.StructuredMemoryKind } => $"document_kind: must be {DocumentKey.StructuredMemoryKind}",
        _ when !DocumentKey.IsMemoryName(line.Name) => "name: must have 1 to 255 characters and not be reserved",
        _ when line.UserId != line.Name => "user_id: must be the name of a structured memory",
        { Version: < 1 or > LastVersion } => "version: must be from 1 to 2^53",
        _ => null,
    };

    /// <exception cref="ProblemException">The policy refuses it.</exception>
    private static DocumentVersion Screened(DocumentVersion version, SensitivePolicy policy)
    {
        var screening = new Screening(policy);
        var screened = version with { Content = version.IsDeletion ? "" : screening.Document(version.Content, known: null), Diff = screening.Text("diff", version.Diff) };
        screening.ThrowIfRefused();
        return screened;
    }

    private static DocumentVersion RowOf(DocumentLine document, DocumentVersionLine line, long after)
    {
        var checks = new FieldChecks().Length("action", line.Action, 1, 64).Length("actor", line.Actor, 1, 255).Length("diff", line.Diff, 0, 100_000);
        if (line.Version <= after || line.Version > document.Version)
        {
            checks.Add("version", "must be greater than the one before and at most the document's");
        }

        var isDeletion = line.Action == DocumentVersion.Deletion;
        if (isDeletion == (line.Content is { ValueKind: not JsonValueKind.Null }))
        {
            checks.Add("content", "must be there, and absent in a deletion");
        }

        checks.ThrowIfAny();
        return new DocumentVersion
        {
            DocumentId = document.Id,
            Version = line.Version,
            Action = line.Action,
            Actor = line.Actor,
            At = line.At,
            Diff = line.Diff,
            Content = isDeletion ? "" : DocumentCopies.Spell(document.DocumentKind, line.Content!.Value),
            Checksum = "", // Made in the write.
        };
    }
}
