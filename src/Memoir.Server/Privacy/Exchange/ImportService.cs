using Memoir.Kit.Audit;
using Memoir.Kit.Data;
using Memoir.Server.Analytics;
using Memoir.Server.Embeddings.Stored;
using Memoir.Server.Memories;
using Memoir.Server.Memories.Periods;
using Memoir.Server.Privacy.Erasure;
using Memoir.Server.Quality;
using Memoir.Server.Quality.Duplicates;
using Memoir.Server.Recall.Indexes;
using Memoir.Server.Wire;

namespace Memoir.Server.Privacy.Exchange;

/// <summary>Brings an export back with its history and its provenance, portion by portion; what is there already is left as it is.</summary>
internal sealed class ImportService(Database database, RecallIndexes indexes, MemoryVectors vectors, ErasureRecords erasures, Intake intake)
{
    private const string ErasedSince = "was erased since it was stored";
    private const string MadeOfErased = "was made from what was erased since";

    private const int PortionSize = 200;
    private const long PortionCharacters = 2_000_000;
    private const int MostErrors = 1000;

    private readonly DocumentImport _documents = new(database, erasures, intake);

    public async Task<ImportReport> RunAsync(Tenant tenant, Stream stream, Writer writer, CancellationToken ct)
    {
        var report = new ImportReport { TenantId = tenant.Id, Imported = 0, Versions = 0, Unchanged = 0, Documents = 0, DocumentVersions = 0, Searches = 0, Refused = 0, Complete = false, Errors = [] };
        var errors = new List<ImportError>();
        var refused = 0L;
        using var lines = new ImportLines(stream)
        {
            Refused = (line, reason) =>
            {
                refused++;
                if (errors.Count < MostErrors)
                {
                    errors.Add(new ImportError(line, reason));
                }
            },
        };
        var policy = await intake.PolicyAsync(tenant, ct);
        var portion = new List<IncomingMemory>();
        var erased = new HashSet<Guid>(); // What is made from it stands further down: in an export by the order of storing.
        var weight = 0L;
        while (true)
        {
            var next = await lines.NextAsync(ct);
            if (next is not null)
            {
                portion.Add(next);
                weight += next.Memory.Content.Length + next.Characters;
            }

            if (portion.Count > 0 && (next is null || portion.Count == PortionSize || weight >= PortionCharacters))
            {
                var stored = await StoreAsync(tenant, [.. portion.Select(one => ScreenedMemory.Of(one, policy))], erased, writer, ct);
                report = report with
                {
                    Imported = report.Imported + stored.Imported,
                    Versions = report.Versions + stored.Versions,
                    Unchanged = report.Unchanged + stored.Unchanged,
                };
                stored.Refusals.ForEach(refusal => lines.Refused(refusal.Line, refusal.Reason));
                portion.Clear();
                weight = 0;
            }

            if (next is null)
            {
                var documents = await _documents.RunAsync(tenant, lines, policy, writer, ct);
                var searches = await StoreSearchesAsync(tenant, lines, writer, ct);
                return report with { Documents = documents.Documents, DocumentVersions = documents.Versions, Searches = searches, Refused = refused, Complete = lines.IsComplete, Errors = [.. errors.OrderBy(error => error.Line)] };
            }
        }
    }

    /// <returns>How many were not there.</returns>
    private async Task<long> StoreSearchesAsync(Tenant tenant, ImportLines lines, Writer writer, CancellationToken ct)
    {
        var portion = new List<IncomingSearch>();
        for (var stored = 0L; ; portion.Clear())
        {
            while (portion.Count < PortionSize && await lines.NextSearchAsync(ct) is { } search)
            {
                portion.Add(search);
            }

            if (portion.Count == 0)
            {
                return stored;
            }

            var result = await StoreAsync(tenant, portion, writer, ct);
            stored += result.Imported;
            result.Refusals.ForEach(refusal => lines.Refused(refusal.Line, refusal.Reason));
        }
    }

    private Task<Stored> StoreAsync(Tenant tenant, IReadOnlyList<IncomingSearch> portion, Writer writer, CancellationToken ct)
    {
        var now = intake.Now();
        return database.WriteAsync(tenant, async session =>
        {
            var result = new Stored(0, 0, 0, []);
            if (!await SearchLog.IsKeptAsync(session))
            {
                result.Refusals.AddRange(portion.Select(one => new ImportError(one.Number, "searches are kept of tenants that have stored something")));
                return result;
            }

            var kept = new List<SearchRecord>();
            foreach (var (number, search) in portion.DistinctBy(one => one.Search.Id))
            {
                if (await erasures.IsErasedAsync(session, search.UserId, search.At))
                {
                    result.Refusals.Add(new ImportError(number, ErasedSince));
                }
                else
                {
                    kept.Add(search with { Query = SearchRecord.Cut(new Screening(SensitivePolicy.MaskSecrets).Text("query", search.Query)) });
                }
            }

            var restored = await SearchLog.RestoreAsync(session, kept);
            if (restored > 0)
            {
                await AuditLog.AppendAsync(session, new AuditRecord(writer.Credential, "search.import", null, restored, writer.RequestId), now);
            }

            return result with { Imported = restored };
        }, ct);
    }

    /// <param name="tenant">Whose memories they are.</param>
    /// <param name="portion">In the order of the file.</param>
    /// <param name="erased">The ids of the file's memories that were erased since; those found in this portion are added.</param>
    /// <param name="writer">Who imports.</param>
    /// <param name="ct">Ends the import.</param>
    private Task<Stored> StoreAsync(Tenant tenant, IReadOnlyList<ScreenedMemory> portion, HashSet<Guid> erased, Writer writer, CancellationToken ct)
    {
        var now = intake.Now();
        return database.WriteAsync(tenant, async session =>
        {
            var result = new Stored(0, 0, 0, []);
            var fresh = new List<IncomingMemory>();
            var ids = new HashSet<Guid>();
            var names = new HashSet<string>(StringComparer.Ordinal);
            var keys = new HashSet<(string, string, string?)>();
            foreach (var (sent, incoming, refusal) in portion)
            {
                var memory = incoming.Memory;
                if (await ExchangeStore.FindAsync(session, memory.Id) is { } known)
                {
                    // Where its text stands in the archive, the rest has to do.
                    var archived = known.ArchiveFile;
                    if (((ExchangedMemory[])[sent.Memory, memory]).Any(one => Comparable(known) == Comparable(archived is null ? one : one with { Content = "", ArchiveFile = archived })))
                    {
                        result = result with { Unchanged = result.Unchanged + 1 };
                    }
                    else
                    {
                        result.Refusals.Add(new ImportError(incoming.Number, "id: is there already, and says something else"));
                    }
                }
                else if (memory.ExternalId is { } name && (names.Contains(name) || await ExchangeStore.IsTakenAsync(session, name)))
                {
                    result.Refusals.Add(new ImportError(incoming.Number, "external_id: another memory has it"));
                }
                else if (memory.Key is { } key
                    && (!keys.Add((memory.Type, key, memory.UserId)) || await ExchangeStore.IsKeyTakenAsync(session, memory.Type, key, memory.UserId)))
                {
                    result.Refusals.Add(new ImportError(incoming.Number, "key: another memory has it"));
                }
                else if (await erasures.IsErasedAsync(session, memory.UserId, memory.StoredAt))
                {
                    erased.Add(memory.Id);
                    result.Refusals.Add(new ImportError(incoming.Number, ErasedSince));
                }
                else if (Provenance.SourcesOf(memory.DerivedFrom).Any(erased.Contains))
                {
                    erased.Add(memory.Id);
                    result.Refusals.Add(new ImportError(incoming.Number, MadeOfErased));
                }
                else if (refusal is not null)
                {
                    result.Refusals.Add(new ImportError(incoming.Number, refusal));
                }
                else if (ids.Add(memory.Id))
                {
                    await RemoveErasedAsync(session, incoming);
                    names.Add(memory.ExternalId ?? "");
                    fresh.Add(incoming);
                }
                else
                {
                    result.Refusals.Add(new ImportError(incoming.Number, "id: stands in the file twice"));
                }
            }

            if (fresh.Count == 0)
            {
                return result;
            }

            await InsertAsync(session, fresh, now);
            await AuditLog.AppendAsync(session, new AuditRecord(writer.Credential, "memory.import", null, fresh.Count, writer.RequestId), now);
            return result with { Imported = fresh.Count, Versions = fresh.Sum(item => item.Versions.Count) };
        }, ct);
    }

    /// <summary>Versions in which the memory was that of somebody who was erased since.</summary>
    private async Task RemoveErasedAsync(Session session, IncomingMemory incoming)
    {
        foreach (var version in incoming.Versions.ToList())
        {
            if (MemorySnapshot.UserOf(version.Snapshot.Text) is { } user && user != incoming.Memory.UserId && await erasures.IsErasedAsync(session, user, version.At))
            {
                incoming.Versions.Remove(version);
            }
        }
    }

    private async Task InsertAsync(Session session, List<IncomingMemory> fresh, DateTimeOffset now)
    {
        var write = await indexes.BeginAsync(session, fresh.Count);
        var last = write.Counters.LastSequence - fresh.Count;
        var generation = await vectors.ForStoringAsync(session, write.Counters, last);
        var rows = new List<ExchangedMemory>(fresh.Count);
        var taken = fresh.ToDictionary(item => item.Memory.Id, item => item.Memory);
        foreach (var incoming in fresh)
        {
            var row = incoming.Memory with
            {
                Sequence = ++last,
                EmbeddingStatus = MemoryVectors.StatusOf(generation, incoming.Memory.Content),
                ContentHash = Statement.Of(CoreOf(incoming.Memory))?.Hash(),

                DuplicateOf = await FirstOfAsync(session, incoming.Memory, taken, now),
            };
            rows.Add(row);
            write.Add(MemoryReader.Analyse(CoreOf(row)), row.Version, row.Content);
        }

        await ExchangeStore.InsertManyAsync(session, rows);
        await ExchangeStore.InsertVersionsAsync(session, [.. fresh.SelectMany(item => item.Versions)]);
        foreach (var (incoming, row) in fresh.Zip(rows))
        {
            await MemoryPeriods.AddAsync(session, write, CoreOf(row), [.. incoming.Versions.SelectMany(version => PeriodsOf(incoming, version))]);
        }

        await vectors.RequestAsync(session, [.. rows.Where(row => row.EmbeddingStatus == EmbeddingStatus.Pending).Select(row => row.Id)]);
    }

    /// <summary>What it repeats, where that came along or is there and says the same; else it stands for itself.</summary>
    private static async Task<Guid?> FirstOfAsync(Session session, ExchangedMemory memory, Dictionary<Guid, ExchangedMemory> taken, DateTimeOffset now)
    {
        if (memory.DuplicateOf is not { } id || id == memory.Id)
        {
            return null;
        }

        var first = taken.GetValueOrDefault(id) ?? await ExchangeStore.FindAsync(session, id);
        return first is { DuplicateOf: null, ArchivedAt: null, Quarantine: null } && !(first.ExpiresAt <= now)
            && Statement.Of(CoreOf(memory)) is { } statement && statement == Statement.Of(CoreOf(first)) ? id : null;
    }

    private static IEnumerable<Period> PeriodsOf(IncomingMemory incoming, ExchangedVersion version) =>
        incoming.Periods.GetValueOrDefault(version.Version, []).Select(period => MemorySnapshot.PeriodOf(CoreOf(incoming.Memory), version.Snapshot.Text, new Period
        {
            Sequence = 0, // Assigned in the write.
            MemoryId = version.MemoryId,
            Version = version.Version,
            Type = incoming.Memory.Type,
            Scope = incoming.Memory.Scope,
            KnownFrom = period.KnownFrom,
            KnownUntil = period.KnownUntil,
            ValidFrom = period.ValidFrom,
            ValidUntil = period.ValidUntil,
        }));

    /// <summary>Without what an import decides, and with its metadata in one spelling.</summary>
    private static ExchangedMemory Comparable(ExchangedMemory memory) =>
        memory with { Sequence = 0, EmbeddingStatus = "", ContentHash = null, DuplicateOf = null, Metadata = Snapshots.Respell(StoredJson.Element(memory.Metadata)) };

    /// <summary>As the core reads it.</summary>
    private static Memory CoreOf(ExchangedMemory row) => new()
    {
        Id = row.Id,
        Sequence = row.Sequence,
        Version = row.Version,
        Type = row.Type,
        UserId = row.UserId,
        ConversationId = row.ConversationId,
        Role = row.Role,
        Name = row.Name,
        ExternalId = row.ExternalId,
        Key = row.Key,
        Content = row.Content,
        Value = row.Value,
        Metadata = row.Metadata,
        Tags = row.Tags,
        Scope = row.Scope,
        ImportanceBase = row.ImportanceBase,
        ImportanceOverride = row.ImportanceOverride,
        Source = row.Source,
        SourceClass = row.SourceClass,
        Writer = row.Writer,
        Channel = row.Channel,
        OccurredAt = row.OccurredAt,
        StoredAt = row.StoredAt,
        UpdatedAt = row.UpdatedAt,
        ValidFrom = row.ValidFrom,
        ValidUntil = row.ValidUntil,
        ReviewAfter = row.ReviewAfter,
        ExpiresAt = row.ExpiresAt,
        ArchivedAt = row.ArchivedAt,
        EmbeddingStatus = row.EmbeddingStatus,
        Masked = row.Masked,
        DuplicateOf = row.DuplicateOf,
        Quarantine = row.Quarantine,
    };

    private sealed record Stored(long Imported, long Versions, long Unchanged, List<ImportError> Refusals);
}
