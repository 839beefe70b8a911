using Memoir.Kit.Audit;
using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Server.Documents.Merging;
using Memoir.Server.Memories;
using Memoir.Server.Quality;
using Memoir.Server.Retention.Holds;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Documents;

/// <summary>A change of a document.</summary>
/// <param name="Action">What its version is called.</param>
/// <param name="Allows">Refuses what may not be changed now; is given the document, null when there is none.</param>
/// <param name="Next">The new content, from the old one; may run more than once.</param>
internal sealed record DocumentChange(string Action, Action<Document?> Allows, Func<Document?, string> Next)
{
    /// <summary>What is changed has to be this document still, be it deleted; another of its name is none. Null: any, or none.</summary>
    public Guid? Of { get; init; }
}

/// <summary>Keeps documents: every write is a new version, and what is served is what was written. Every door that keeps one enters here.</summary>
internal sealed partial class DocumentService(
    Database database, IOptions<DocumentOptions> options, Intake intake, ILogger<DocumentService> logger)
{
    /// <summary>So often the next content is made before the write; then within it.</summary>
    private const int Attempts = 4;

    /// <returns>The newest good version; null when there is no such document, or none any more.</returns>
    /// <exception cref="ProblemException">503: no version of it is what was written.</exception>
    public async Task<Document?> FindAsync(Tenant tenant, DocumentKey key, Writer reader, CancellationToken ct)
    {
        var document = await database.ReadAsync(tenant, session => ReadAsync(session, key), ct);
        await ReportAsync(tenant, document, reader);
        return Served(document);
    }

    /// <summary>Writes the next version. One that says what the last one says is none.</summary>
    /// <exception cref="ProblemException">What the change refuses; 413: the document would be too large.</exception>
    public async Task<Document> SaveAsync(
        Tenant tenant, DocumentKey key, DocumentChange change, Writer writer, Companion<Document>? companion, CancellationToken ct)
    {
        var policy = await intake.PolicyAsync(tenant, ct);
        for (var attempt = 1; ; attempt++)
        {
            var prepared = await PrepareAsync(tenant, key, change, policy, mayBeRepetition: companion is not null, writer, ct);
            try
            {
                return await WriteAsync(tenant, key, change, policy, prepared, mayPrepare: attempt < Attempts, writer, companion, ct);
            }
            catch (OvertakenException)
            {
                // Somebody else's version came first. What is merged with it is made anew, and not while others wait for the write.
            }
        }
    }

    private Task<Document> WriteAsync(
        Tenant tenant, DocumentKey key, DocumentChange change, SensitivePolicy policy, Prepared? prepared, bool mayPrepare, Writer writer, Companion<Document>? companion, CancellationToken ct)
    {
        var now = intake.Now();
        return database.WriteAsync(tenant, async session =>
        {
            if (companion is not null)
            {
                await companion.Before(session);
            }

            var row = await DocumentStore.FindAsync(session, key);
            if (change.Of is { } id && row?.Id != id)
            {
                throw ProblemException.NotFound("It was erased meanwhile.");
            }

            var old = Served(row is null ? null : await ReadAsync(session, row));
            change.Allows(old);
            var fits = prepared is not null && prepared.Fits(old);
            if (prepared is not null && !fits && mayPrepare)
            {
                throw new OvertakenException();
            }

            var (content, diff, masked) = fits ? (prepared!.Content, prepared.Diff, prepared.Masked) : Next(change, old, policy);
            var saved = old is not null && old.Content == content && old.Damaged.Count == 0
                ? old
                : await AppendAsync(session, key, row, change.Action, content, diff, writer, now);
            saved = saved with { Masked = masked };
            if (companion is not null)
            {
                await companion.After(session, saved);
            }

            return saved;
        }, ct);
    }

    /// <summary>Ends the document; its versions stay, and <c>restore</c> brings it back.</summary>
    /// <returns>False when there is none.</returns>
    public async Task<bool> DeleteAsync(Tenant tenant, DocumentKey key, Action<Document?> allows, Writer writer, CancellationToken ct)
    {
        var now = intake.Now();
        var deleted = await database.WriteAsync(tenant, async session =>
        {
            var row = await DocumentStore.FindAsync(session, key);
            var old = row is null ? null : await ReadAsync(session, row);
            allows(old is { Version: > 0 } ? old : null);
            if (row is not null && old is not null)
            {
                await AppendAsync(session, key, row, DocumentVersion.Deletion, "", "the document was deleted", writer, now);
            }

            return old;
        }, ct);
        await ReportAsync(tenant, deleted, writer);
        return deleted is not null;
    }

    /// <summary>Those of a kind, by their names.</summary>
    public Task<IReadOnlyList<DocumentRow>> ListAsync(Tenant tenant, string kind, string after, int limit, CancellationToken ct) =>
        database.ReadAsync(tenant, session => DocumentStore.ListByNameAsync(session, kind, after, limit), ct);

    /// <summary>Newest first, those of a deleted document too.</summary>
    /// <returns>Null when this tenant never had such a document.</returns>
    public Task<Portion<DocumentVersionInfo>?> ListVersionsAsync(Tenant tenant, DocumentKey key, long below, int limit, CancellationToken ct) =>
        database.ReadAsync(tenant, async session => await DocumentStore.FindAsync(session, key) is { } row
            ? await DocumentStore.ListVersionsAsync(session, row.Id, below, limit)
            : null, ct);

    /// <returns>Null when there is no such version, or no more.</returns>
    /// <exception cref="ProblemException">409: it is not what was written.</exception>
    public async Task<DocumentVersion?> FindVersionAsync(Tenant tenant, DocumentKey key, long version, Writer reader, CancellationToken ct)
    {
        var found = await database.ReadAsync(tenant, session => FindVersionAsync(session, key, version), ct);
        if (found is { IsGood: false })
        {
            await ReportAsync(tenant, DamagedAlone(found), reader);
            throw IsDamaged(version);
        }

        return found;
    }

    /// <summary>Makes an older version the newest one.</summary>
    /// <exception cref="ProblemException">404: there is no such version, or no more, or it is a deletion. 409: it is not what was written.</exception>
    public async Task<Document> RestoreAsync(
        Tenant tenant, DocumentKey key, long version, Action<Document?> allows, Writer writer, Companion<Document>? companion, CancellationToken ct)
    {
        // What a version says never changes, so it can be read before the write.
        var wanted = await database.ReadAsync(tenant, session => FindVersionAsync(session, key, version), ct);
        var refusal = wanted switch
        {
            null => ProblemException.NotFound("There is no such version, or no more, or it is a deletion."),
            { IsGood: false } => IsDamaged(version),
            { IsDeletion: true } => ProblemException.NotFound("There is no such version, or no more, or it is a deletion."),
            _ => null,
        };
        if (wanted is { IsGood: false })
        {
            await ReportAsync(tenant, DamagedAlone(wanted), writer);
        }

        // Within the write: a repetition of a request that was carried out gets its answer, whatever became of the version.
        var allowed = refusal is null ? allows : _ => throw refusal;
        return await SaveAsync(tenant, key, new DocumentChange("restore", allowed, _ => wanted!.Content) { Of = wanted?.DocumentId }, writer, companion, ct);
    }

    /// <summary>The document with the newest good version's content; null when there is none or its newest version is a deletion.</summary>
    private static async Task<Document?> ReadAsync(Session session, DocumentKey key) =>
        await DocumentStore.FindAsync(session, key) is { } row ? await ReadAsync(session, row) : null;

    private static async Task<Document?> ReadAsync(Session session, DocumentRow row)
    {
        if (row.IsDeleted != 0)
        {
            return null;
        }

        var damaged = new List<long>();
        for (var at = row.Version; await DocumentStore.FindUpToAsync(session, row.Id, at) is { } version; at = version.Version - 1)
        {
            if (version.Version < at)
            {
                damaged.Add(at); // It is not there at all.
            }

            if (version.IsGood)
            {
                return new Document { Id = row.Id, Version = version.IsDeletion ? 0 : version.Version, Content = version.Content, Damaged = damaged };
            }

            damaged.Add(version.Version);
        }

        return new Document { Id = row.Id, Version = 0, Content = "", Damaged = damaged.Count > 0 ? damaged : [row.Version] };
    }

    /// <summary>Before a deletion nothing is served: it would come back.</summary>
    private static Document? Served(Document? found) => found is { Version: 0 }
        ? throw new ProblemException(Problem.StorageUnavailable, "Every version that is kept of this document is damaged. A restored backup has it, or store it anew after a deletion.")
        : found;

    private static async Task<DocumentVersion?> FindVersionAsync(Session session, DocumentKey key, long version) =>
        await DocumentStore.FindAsync(session, key) is { } row ? await DocumentStore.FindVersionAsync(session, row.Id, version) : null;

    private static Document DamagedAlone(DocumentVersion version) => new() { Id = version.DocumentId, Version = 0, Content = "", Damaged = [version.Version] };

    private static ProblemException IsDamaged(long version) =>
        new(Problem.Conflict, $"Version {version} is damaged: its content does not match its checksum.");

    /// <summary>Does the work on large texts before the write, which others wait for; a refusal is left to the write itself.</summary>
    private async Task<Prepared?> PrepareAsync(Tenant tenant, DocumentKey key, DocumentChange change, SensitivePolicy policy, bool mayBeRepetition, Writer writer, CancellationToken ct)
    {
        try
        {
            var found = await database.ReadAsync(tenant, session => ReadAsync(session, key), ct);
            await ReportAsync(tenant, found, writer);
            var old = Served(found);
            change.Allows(old);
            var (content, diff, masked) = Next(change, old, policy);
            return new Prepared(old?.Id, old?.Version, content, diff, masked);
        }
        catch (ProblemException) when (mayBeRepetition)
        {
            return null; // Of a request that was carried out: the write knows.
        }
    }

    private (string Content, string Diff, string? Masked) Next(DocumentChange change, Document? old, SensitivePolicy policy)
    {
        var screening = new Screening(policy);
        var content = screening.Document(change.Next(old), old?.Content);
        screening.ThrowIfRefused();
        var bytes = System.Text.Encoding.UTF8.GetByteCount(content);
        return bytes <= options.Value.DocumentMaxBytes
            ? (content, DocumentDiff.Between(old?.Content ?? "{}", content), screening.AsHeader())
            : throw new ProblemException(Problem.PayloadTooLarge, $"The document would have {bytes} bytes; at most {options.Value.DocumentMaxBytes} are kept. Nothing was changed.");
    }

    private async Task<Document> AppendAsync(
        Session session, DocumentKey key, DocumentRow? row, string action, string content, string diff, Writer writer, DateTimeOffset now)
    {
        var next = (row ?? new DocumentRow
        {
            Id = Guid.CreateVersion7(now),
            Kind = key.Kind,
            Name = key.Name,
            UserId = key.UserId,
            Version = 0,
            IsDeleted = 0,
            CreatedAt = now,
            UpdatedAt = now,
        }) with
        { UpdatedAt = now, IsDeleted = action == DocumentVersion.Deletion ? 1 : 0 };
        next = next with { Version = next.Version + 1 };
        await (row is null ? DocumentStore.InsertAsync(session, next) : DocumentStore.UpdateAsync(session, next));
        await DocumentStore.InsertVersionAsync(session, new DocumentVersion
        {
            DocumentId = next.Id,
            Version = next.Version,
            Action = action,
            Actor = writer.Credential,
            At = now,
            Diff = diff,
            Content = content,
            Checksum = DocumentChecksum.Of(next.Id, next.Version, content),
        });
        var kept = options.Value.DocumentVersionsKept;
        if (kept > 0 && next.Version > kept && action != DocumentVersion.Deletion && (key.UserId is null || await LegalHolds.FindOfUserAsync(session, key.UserId) is null))
        {
            await DocumentStore.PruneAsync(session, next.Id, next.Version - kept);
        }

        await AuditLog.AppendAsync(session, new AuditRecord(writer.Credential, $"document.{action}", next.Id.ToString(), 1, writer.RequestId), now);
        return new Document { Id = next.Id, Version = next.Version, Content = content, Damaged = [] };
    }

    /// <summary>Says so once, where it stays: in the version, in the trail and in the log. Who reads gets the answer all the same.</summary>
    private async Task ReportAsync(Tenant tenant, Document? document, Writer reader)
    {
        if (document is not { Damaged.Count: > 0 })
        {
            return;
        }

        var now = intake.Now();
        try
        {
            var fresh = await database.WriteAsync(tenant, async session =>
            {
                var marked = 0;
                foreach (var version in document.Damaged)
                {
                    marked += await DocumentStore.MarkDamagedAsync(session, document.Id, version, now);
                }

                if (marked > 0)
                {
                    await AuditLog.AppendAsync(session, new AuditRecord(reader.Credential, "document.damaged", document.Id.ToString(), marked, reader.RequestId), now);
                }

                return marked;
            }, CancellationToken.None);
            if (fresh > 0)
            {
                LogDamaged(document.Id, document.Damaged[0], document.Version);
            }
        }
        catch (ProblemException refusal)
        {
            LogUnreported(document.Id, refusal.Message);
        }
    }

    [LoggerMessage(LogLevel.Error, "Version {Version} of the document {Document} does not match its checksum; version {Served} is served in its place (0: none is left).")]
    private partial void LogDamaged(Guid document, long version, long served);

    [LoggerMessage(LogLevel.Error, "The document {Document} has a version that does not match its checksum, which could not be written down: {Fault}")]
    private partial void LogUnreported(Guid document, string fault);

    /// <summary>The document has another version than the one that the next content was made from.</summary>
    private sealed class OvertakenException : Exception;

    /// <summary>The next content, made from a version that may have been replaced since.</summary>
    private sealed record Prepared(Guid? Id, long? Version, string Content, string Diff, string? Masked)
    {
        public bool Fits(Document? old) => old?.Id == Id && old?.Version == Version;
    }
}
