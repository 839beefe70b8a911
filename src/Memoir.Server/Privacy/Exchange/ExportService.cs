using System.IO.Pipelines;
using Memoir.Kit.Audit;
using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Server.Analytics;
using Memoir.Server.Documents;
using Memoir.Server.Memories;
using Memoir.Server.Memories.Periods;
using Memoir.Server.Privacy.Erasure;
using Memoir.Server.Retention.Archive;
using Memoir.Server.Wire;

namespace Memoir.Server.Privacy.Exchange;

/// <summary>Writes a subject, or a whole tenant, out as lines: everything of it and of nobody else.</summary>
internal sealed class ExportService(Database database, ErasureRecords erasures, RunningExports running, RetentionArchive archive, TimeProvider time)
{
    private const int PortionSize = 200;
    private const long PortionCharacters = 64 * 1024;

    /// <summary>Takes the tenant's only turn and looks how far the export goes.</summary>
    /// <exception cref="ProblemException">409: the tenant has an export under way, or the subject is being erased.</exception>
    public async Task<Export> BeginAsync(Tenant tenant, string? userId, Writer writer, CancellationToken ct)
    {
        var turn = running.TryBegin(tenant, userId, ct)
            ?? throw new ProblemException(Problem.Conflict, "An export of this tenant is under way; one at a time.");
        try
        {
            var now = time.Now();
            return await database.WriteAsync(tenant, async session =>
            {
                if (await erasures.IsUnderWayAsync(session, userId))
                {
                    throw new ProblemException(Problem.Conflict, "An erasure is under way; export when it is done.");
                }

                await AuditLog.AppendAsync(session, new AuditRecord(writer.Credential, userId is null ? "export.tenant" : "export.subject", null, 1, writer.RequestId), now);
                return new Export(
                    tenant, userId, turn, now, await ExchangeStore.LastSequenceAsync(session), await erasures.CountAsync(session, userId));
            }, ct);
        }
        catch
        {
            turn.Dispose();
            throw;
        }
    }

    /// <exception cref="OperationCanceledException">The reader went away or stands still, or what is exported is being erased.</exception>
    public async Task WriteAsync(Export export, PipeWriter output)
    {
        using var stream = new ExportStream(output, time, export.Turn.Cut);
        await stream.WriteAsync(ExchangeLines.Write(new HeaderLine
        {
            Format = HeaderLine.ThisFormat,
            Version = HeaderLine.ThisVersion,
            TenantId = export.Tenant.Id,
            UserId = export.UserId,
            ExportedAt = export.At,
        }));
        var (memories, versions, after) = (0L, 0L, 0L);
        while (true)
        {
            var portion = await ReadAsync(export, session => ExchangeStore.ListAsync(session, export.UserId, after, export.UpTo, PortionSize, PortionCharacters));
            foreach (var memory in portion.Items)
            {
                var text = memory.ArchiveFile is { } file ? await archive.GetAsync(export.Tenant, memory.Id, file, export.Turn.Cut) : null;
                await stream.WriteAsync(ExchangeLines.Write(LineOf(text is null ? memory : memory with { Content = text.Content })));
                memories++;
                versions += memory.Version > 1 ? await WriteVersionsAsync(export, memory.Id, text, stream) : 0;
                after = memory.Sequence;
            }

            await stream.FlushAsync(); // What was read before an erasure is not sent long after it.
            if (!portion.IsCut && portion.Items.Count < PortionSize)
            {
                break;
            }
        }

        var (documents, documentVersions) = await WriteDocumentsAsync(export, stream);
        var searches = await WriteSearchesAsync(export, stream);
        await stream.WriteAsync(ExchangeLines.Write(new EndLine
        {
            Memories = memories,
            Versions = versions,
            Documents = documents,
            DocumentVersions = documentVersions,
            Searches = searches,
            Sha256 = stream.Checksum,
        }));
        await stream.FlushAsync();
    }

    private async Task<long> WriteVersionsAsync(Export export, Guid memory, ArchivedText? text, ExportStream stream)
    {
        var (written, after) = (0L, 0L);
        while (true)
        {
            var (portion, periods) = await ReadAsync(export, async session =>
            {
                var some = await ExchangeStore.ListVersionsAsync(session, memory, after, PortionSize, PortionCharacters);
                var last = some.Items.Count == 0 ? after : some.Items[^1].Version;
                return (some, (await PeriodReader.ListVersionsAsync(session, memory, after + 1, last)).ToLookup(period => period.Version));
            });
            foreach (var stored in portion.Items)
            {
                after = stored.Version;
                var version = stored.Snapshot.Text.Length == 0 && text is not null ? stored with { Snapshot = new Json(text.Versions[stored.Version]) } : stored;
                if (export.UserId is not null && MemorySnapshot.UserOf(version.Snapshot.Text) != export.UserId)
                {
                    continue; // It was somebody else's then.
                }

                await stream.WriteAsync(ExchangeLines.Write(LineOf(version, periods[version.Version])));
                written++;
            }

            if (!portion.IsCut && portion.Items.Count < PortionSize)
            {
                return written;
            }
        }
    }

    private async Task<(long Documents, long Versions)> WriteDocumentsAsync(Export export, ExportStream stream)
    {
        var (documents, versions, after) = (0L, 0L, Guid.Empty);
        while (true)
        {
            var portion = await ReadAsync(export, session => DocumentCopies.ListAsync(session, export.UserId, after, PortionSize));
            foreach (var document in portion)
            {
                await stream.WriteAsync(ExchangeLines.Write(LineOf(document)));
                documents++;
                after = document.Id;
                versions += await WriteVersionsAsync(export, document, stream);
            }

            await stream.FlushAsync();
            if (portion.Count < PortionSize)
            {
                return (documents, versions);
            }
        }
    }

    private async Task<long> WriteVersionsAsync(Export export, DocumentRow document, ExportStream stream)
    {
        var (written, after) = (0L, 0L);
        while (true)
        {
            var portion = await ReadAsync(export, session => DocumentCopies.ListVersionsAsync(session, document.Id, after, PortionSize, PortionCharacters));
            foreach (var version in portion.Items)
            {
                after = version.Version;
                if (version.IsGood && version.Version <= document.Version)
                {
                    await stream.WriteAsync(ExchangeLines.Write(LineOf(version)));
                    written++;
                }
            }

            await stream.FlushAsync();
            if (!portion.IsCut && portion.Items.Count < PortionSize)
            {
                return written;
            }
        }
    }

    private async Task<long> WriteSearchesAsync(Export export, ExportStream stream)
    {
        var (written, after) = (0L, Guid.Empty);
        while (true)
        {
            var portion = await ReadAsync(export, session => SearchLog.ListAsync(session, export.UserId, after, PortionSize));
            foreach (var search in portion)
            {
                await stream.WriteAsync(ExchangeLines.Write(LineOf(search)));
                written++;
                after = search.Id;
            }

            await stream.FlushAsync();
            if (portion.Count < PortionSize)
            {
                return written;
            }
        }
    }

    /// <summary>One short look at a time, and none after an erasure has begun, whichever process does it.</summary>
    private Task<T> ReadAsync<T>(Export export, Func<Session, Task<T>> read) => database.ReadAsync(
        export.Tenant,
        async session => await erasures.CountAsync(session, export.UserId) == export.Erasures
            ? await read(session)
            : throw new OperationCanceledException("What is exported is being erased."),
        export.Turn.Cut);

    private static MemoryLine LineOf(ExchangedMemory memory) => new()
    {
        Id = memory.Id,
        Version = memory.Version,
        Type = memory.Type,
        UserId = memory.UserId,
        ConversationId = memory.ConversationId,
        Role = memory.Role,
        Name = memory.Name,
        ExternalId = memory.ExternalId,
        Key = memory.Key,
        Content = memory.Content,
        Value = memory.Value,
        Metadata = StoredJson.Element(memory.Metadata),
        Tags = memory.Tags,
        ImportanceBase = memory.ImportanceBase,
        ImportanceOverride = memory.ImportanceOverride,
        Scope = memory.Scope,
        Source = memory.Source,
        SourceClass = memory.SourceClass,
        Writer = memory.Writer,
        Channel = memory.Channel,
        DerivedFrom = memory.DerivedFrom,
        CreatedAt = memory.OccurredAt,
        StoredAt = memory.StoredAt,
        UpdatedAt = memory.UpdatedAt,
        ValidFrom = memory.ValidFrom,
        ValidUntil = memory.ValidUntil,
        VerifiedAt = memory.VerifiedAt,
        ReviewAfter = memory.ReviewAfter,
        ExpiresAt = memory.ExpiresAt,
        ArchivedAt = memory.ArchivedAt,
        RestoredAt = memory.RestoredAt,
        SupersededBy = memory.SupersededBy,
        Masked = memory.Masked,
        DuplicateOf = memory.DuplicateOf,
        Quarantine = memory.Quarantine,
        ReleasedAt = memory.ReleasedAt,
    };

    private static DocumentLine LineOf(DocumentRow document) => new()
    {
        Id = document.Id,
        DocumentKind = document.Kind,
        Name = document.Name,
        UserId = document.UserId,
        Version = document.Version,
        CreatedAt = document.CreatedAt,
        UpdatedAt = document.UpdatedAt,
    };

    private static DocumentVersionLine LineOf(DocumentVersion version) => new()
    {
        DocumentId = version.DocumentId,
        Version = version.Version,
        Action = version.Action,
        Actor = version.Actor,
        At = version.At,
        Diff = version.Diff,
        Content = version.IsDeletion ? null : StoredJson.Element(new Json(version.Content)),
    };

    private static SearchLine LineOf(SearchRecord search) => new()
    {
        Id = search.Id,
        At = search.At,
        UserId = search.UserId,
        ConversationId = search.ConversationId,
        Query = search.Query,
        Hits = search.Hits,
        Degraded = search.Degraded != 0,
        Milliseconds = search.Milliseconds,
    };

    private static VersionLine LineOf(ExchangedVersion version, IEnumerable<Period> periods) => new()
    {
        MemoryId = version.MemoryId,
        Version = version.Version,
        Action = version.Action,
        Actor = version.Actor,
        At = version.At,
        Snapshot = StoredJson.Element(version.Snapshot),
        Periods = [.. periods.Select(period => new ExchangedPeriod
        {
            KnownFrom = period.KnownFrom,
            KnownUntil = period.KnownUntil,
            ValidFrom = period.ValidFrom,
            ValidUntil = period.ValidUntil,
        })],
    };
}

/// <summary>An export that may begin.</summary>
/// <param name="Tenant">Whose.</param>
/// <param name="UserId">Of whom; null for all.</param>
/// <param name="Turn">The tenant's only one.</param>
/// <param name="At">When it began.</param>
/// <param name="UpTo">The tenant's last place then: what is stored later is not in it.</param>
/// <param name="Erasures">How often what it reads had been erased then.</param>
internal sealed record Export(Tenant Tenant, string? UserId, RunningExport Turn, DateTimeOffset At, long UpTo, long Erasures);
