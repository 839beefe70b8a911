using Memoir.Kit.Audit;
using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Server.Embeddings.Stored;
using Memoir.Server.Memories.Periods;
using Memoir.Server.Memories.Repeats;
using Memoir.Server.Quality;
using Memoir.Server.Recall.Indexes;
using Memoir.Server.Retention.Archive;
using Memoir.Server.Retention.Holds;
using Memoir.Server.Wire;

namespace Memoir.Server.Memories;

/// <summary>Remembers, changes and forgets. Every door that stores text enters here.</summary>
internal sealed partial class MemoryService(
    Database database, RecallIndexes indexes, MemoryVectors vectors, RetentionArchive archive, MemoryGate gate)
{
    /// <summary>
    /// Stores memories together: all of them or none. An external id that is known already replaces what it named, and a key
    /// what it said of the same user, unless it says the same; what was archived comes back with the new text. What was said before is linked to it, or is it.
    /// </summary>
    /// <param name="tenant">Whose memories they are.</param>
    /// <param name="items">Checked input, in the order it was given.</param>
    /// <param name="writer">Who writes, through which door.</param>
    /// <param name="companion">Work of the door that commits with the write.</param>
    /// <param name="ct">Ends waiting; a write that ran is committed all the same.</param>
    /// <returns>The stored memories in the order of <paramref name="items"/>.</returns>
    public async Task<IReadOnlyList<Memory>> RememberAsync(
        Tenant tenant, IReadOnlyList<NewMemory> items, Writer writer, Companion<IReadOnlyList<Memory>>? companion, CancellationToken ct)
    {
        var now = gate.Now();
        items = await gate.ScreenAsync(tenant, items, companion?.Before, ct);
        var drafts = MemoryDraft.Prepare(tenant, items, writer, gate, now);
        var prompt = await vectors.AskPromptlyAsync(tenant, [.. items.Select(item => item.Content)], ct);
        var (stored, left) = await ArchivedTexts.WriteAsync(archive, tenant, texts => database.WriteAsync(tenant, async session =>
        {
            if (companion is not null)
            {
                await companion.Before(session);
            }

            var (memories, written, files) = await StoreAsync(session, drafts, prompt, texts, now, writer);
            if (written.Count > 0)
            {
                await AuditLog.AppendAsync(session, Record(writer, "memory.store", written), now);
            }

            if (companion is not null)
            {
                await companion.After(session, memories);
            }

            gate.Count(session, memories, written);
            return (memories, files);
        }, ct), ct);
        await archive.EraseAsync(tenant, left, CancellationToken.None);
        return stored;
    }

    /// <returns>The memory, or null when this tenant has none with that id.</returns>
    public Task<Memory?> FindAsync(Tenant tenant, Guid id, CancellationToken ct) =>
        database.ReadAsync(
            tenant,
            async session => await FindCurrentAsync(session, id) is { } memory
                ? await SettledAsync(session, await vectors.OfAsync(session), await archive.FillAsync(tenant, memory, ct))
                : null,
            ct);

    /// <summary>Brings a memory back from the archive; one that is not there stays as it is. Its age counts from now on.</summary>
    /// <returns>The memory, or null when this tenant has none with that id.</returns>
    public async Task<Memory?> RestoreAsync(Tenant tenant, Guid id, Writer writer, CancellationToken ct)
    {
        var (memory, left) = await ArchivedTexts.WriteAsync(archive, tenant, texts => database.WriteAsync<(Memory?, string?)>(tenant, async session =>
        {
            var old = await MemoryStore.FindAsync(session, id);
            if (old?.ArchivedAt is null)
            {
                return (old is null ? null : await SettledAsync(session, await vectors.InAsync(session), old), null);
            }

            var text = old.ArchiveFile is { } file ? texts.Of(id, file) : null;
            var write = await indexes.BeginAsync(session);
            var inUse = await vectors.InAsync(session, write.Counters.GenerationChange);
            var content = text?.Content ?? old.Content;
            var now = gate.Now();
            var restored = old with
            {
                Content = content,
                Version = old.Version + 1,
                ArchivedAt = null,
                ArchiveFile = null,
                RestoredAt = now,
                DuplicateOf = null, // Who brings it back wants to find it.
                EmbeddingStatus = MemoryVectors.StatusOf(inUse, content),
            };
            await MemoryStore.UpdateAsync(session, restored);
            if (text is not null)
            {
                await RetentionArchive.PutBackAsync(session, text);
            }

            await write.ReplaceAsync(MemoryReader.Analyse(restored), restored.Version, content, GenerationVector.None);
            await MemoryPeriods.ShowAsync(session, write, restored);
            await vectors.RequestAsync(session, restored.EmbeddingStatus == EmbeddingStatus.Pending ? [id] : []);
            await archive.NoteGoneAsync(session, [old.ArchiveFile]);
            await AuditLog.AppendAsync(session, new AuditRecord(writer.Credential, "memory.restore", id.ToString(), 1, writer.RequestId), now);
            return (restored, old.ArchiveFile);
        }, ct), ct);
        await archive.EraseAsync(tenant, [left], CancellationToken.None);
        return memory;
    }

    /// <summary>Deletes a memory with its versions, its vectors and its place in the index.</summary>
    /// <returns>False when this tenant has none with that id.</returns>
    /// <exception cref="ProblemException">409: a legal hold covers it.</exception>
    public async Task<bool> ForgetAsync(Tenant tenant, Guid id, Writer writer, CancellationToken ct)
    {
        var (isGone, left) = await database.WriteAsync<(bool, string?)>(tenant, async session =>
        {
            var old = await MemoryStore.FindAsync(session, id);
            if (old is null)
            {
                return (false, null);
            }

            if (await LegalHolds.FindAsync(session, id) is { } hold)
            {
                throw LegalHolds.Refusal(hold);
            }

            var write = await indexes.BeginAsync(session);
            await MemoryPeriods.ForgetAsync(session, write, id);
            var repeated = await DuplicateLinks.ListRepeatedAsync(session, [old.Sequence]);
            await MemoryStore.DeleteAsync(session, old);
            await MemoryVectors.ForgetAsync(session, old.Sequence);
            await IdempotentRequest.ForgetAsync(session, KeptAnswers.Of(tenant, [id]));
            await write.RemoveAsync(old.Sequence, old.Version + 1);
            await DuplicateLinks.PassOnAsync(session, write, repeated);
            await AuditLog.AppendAsync(
                session, new AuditRecord(writer.Credential, "memory.forget", id.ToString(), 1, writer.RequestId), gate.Now());
            await archive.NoteGoneAsync(session, [old.ArchiveFile]);
            return (true, old.ArchiveFile);
        }, ct);
        await archive.EraseAsync(tenant, [left], CancellationToken.None);
        return isGone;
    }

    /// <summary>Forgets all memories up to a place in the tenant's order, a portion per write.</summary>
    /// <param name="tenant">Whose.</param>
    /// <param name="last">The place.</param>
    /// <param name="forgotten">Runs in each write, with how many memories, versions and vectors it takes.</param>
    /// <param name="ct">Ends it between two portions.</param>
    public async Task ForgetAllAsync(Tenant tenant, long last, Func<Session, (int Memories, int Versions, int Vectors), Task> forgotten, CancellationToken ct)
    {
        const int portion = 500;
        await database.WriteAsync(tenant, async session =>
        {
            await indexes.EraseAsync(session);
            await vectors.EraseAsync(session);
        }, ct);
        int more;
        do
        {
            more = await database.WriteAsync(tenant, async session =>
            {
                var gone = await MemoryVectors.ForgetPortionAsync(session, last, portion);
                var (memories, versions) = await MemoryStore.DeletePortionAsync(session, last, portion);
                await DuplicateLinks.FreeOrphansAsync(session);
                await indexes.EraseAsync(session);
                await forgotten(session, (memories, versions, gone));
                return memories + gone; // A memory has a vector of each of its generations: they may take longer.
            }, ct);
        }
        while (more > 0);
        archive.EraseTenant(tenant);
    }

    /// <summary>A conversation's memories in the order they were said, after a place in it (before it when descending).</summary>
    public Task<Portion<Memory>> ListConversationAsync(
        Tenant tenant, string conversationId, DateTimeOffset at, long sequence, bool ascending, int limit, CancellationToken ct) =>
        database.ReadAsync(tenant, async session =>
        {
            var found = await MemoryStore.ListConversationAsync(session, conversationId, at, sequence, ascending, limit);
            var settled = new List<Memory>(found.Items.Count);
            var inUse = await vectors.OfAsync(session);
            foreach (var memory in found.Items)
            {
                settled.Add(await SettledAsync(session, inUse, await archive.FillAsync(tenant, memory, ct)));
            }

            return found with { Items = settled };
        }, ct);

    public Task<IReadOnlyList<Conversation>> ListConversationsAsync(Tenant tenant, string after, int limit, CancellationToken ct) =>
        database.ReadAsync(tenant, session => MemoryStore.ListConversationsAsync(session, after, limit), ct);

    /// <summary>One write of many: reserves their places, then stores each that is new or says something new.</summary>
    /// <returns>All of them, those that were written, and the files whose texts came back with them.</returns>
    private async Task<(IReadOnlyList<Memory> All, IReadOnlyList<Memory> Written, IReadOnlyList<string> Files)> StoreAsync(
        Session session, IReadOnlyList<MemoryDraft> drafts, PromptVectors? prompt, ArchivedTexts texts, DateTimeOffset now, Writer writer)
    {
        if (drafts.Count == 0)
        {
            return ([], [], []);
        }

        var write = await indexes.BeginAsync(session, drafts.Count);
        var last = write.Counters.LastSequence - drafts.Count;
        var generation = await vectors.ForStoringAsync(session, write.Counters, last);
        var known = await KnownMemories.FindAsync(session, drafts);
        var repetitions = await Repetitions.FindAsync(session, drafts, now);
        var memories = new Memory[drafts.Count];
        var fresh = new List<Memory>(drafts.Count);
        var written = new List<Memory>(drafts.Count);
        var waiting = new List<Guid>();
        var files = new List<string>();
        for (var i = 0; i < drafts.Count; i++)
        {
            var draft = drafts[i];
            var old = known.Of(draft.Memory);
            if (old is not null && draft.Repeats(old, now))
            {
                memories[i] = old;
                continue;
            }

            var first = old is null ? repetitions.Of(draft) : null;
            if (first is { Type: not MemoryType.Message })
            {
                memories[i] = await repetitions.StandAsync(session, write, first, draft, writer, FlushAsync);
                written.AddRange(memories[i].Version == first.Version ? [] : [memories[i]]);
                continue;
            }

            var vector = prompt?.Of(i, generation.Generation);
            var isRenewal = old is not null && draft.Renews(old, now);
            var memory = (old is null ? draft.New(last + 1 + i, first) : draft.Replacing(old, MemoryPeriods.After(old, now), isRenewal)) with
            {
                EmbeddingStatus = vector is null ? MemoryVectors.StatusOf(generation, draft.Memory.Content) : EmbeddingStatus.Of(vector),
            };
            if (old is null)
            {
                fresh.Add(memory);
                write.Add(draft.AnalysedAs(memory), memory.Version, memory.Content);
            }
            else
            {
                await FlushAsync(old);
                if (old.ArchiveFile is { } file)
                {
                    var text = texts.Of(old.Id, file);
                    await RetentionArchive.PutBackAsync(session, text);
                    old = old with { Content = text.Content };
                    files.Add(file);
                }

                await MemoryStore.InsertVersionAsync(session, old.Id, MemorySnapshot.Of(old, "replace", writer.Credential, now));
                memory = await MemoryPeriods.TellAsync(session, write, old, corrected: memory.Key is null || isRenewal ? old : null, memory);
                await MemoryStore.UpdateAsync(session, memory);
                await MemoryVectors.ForgetAsync(session, old.Sequence);
                await write.ReplaceAsync(draft.AnalysedAs(memory), memory.Version, memory.Content, GenerationVector.None);
                if (old.ArchivedAt is not null || memory.IsHidden != old.IsHidden)
                {
                    await MemoryPeriods.ShowAsync(session, write, memory);
                }
            }

            if (memory.EmbeddingStatus == EmbeddingStatus.Pending)
            {
                waiting.Add(memory.Id);
            }
            else if (vector is not null && memory.EmbeddingStatus == EmbeddingStatus.Completed)
            {
                write.SetVector(memory.Sequence, await MemoryVectors.KeepAsync(
                    session, generation.Generation, memory.Sequence, vector, write.Counters.LastChange));
            }

            known.Add(memory);
            repetitions.Add(draft.Statement, memory);
            memories[i] = memory;
            written.Add(memory);
        }

        await MemoryStore.InsertManyAsync(session, fresh);
        await vectors.RequestAsync(session, waiting);
        await archive.NoteGoneAsync(session, files);
        return (memories, written, files);

        async Task FlushAsync(Memory changing)
        {
            var isOne = changing.Sequence > last;
            await MemoryStore.InsertManyAsync(session, isOne ? [.. fresh] : []);
            fresh.RemoveAll(_ => isOne);
        }
    }

    /// <returns>Null when there is none, or its time is over.</returns>
    private async Task<Memory?> FindCurrentAsync(Session session, Guid id) =>
        await MemoryStore.FindAsync(session, id) is { } row ? await CurrentOfAsync(session, row, text: null) : null;

    /// <summary>What a memory says now: mostly its row, which was told last; else what is still true of what was told before.</summary>
    private async Task<Memory?> CurrentOfAsync(Session session, Memory row, ArchivedText? text)
    {
        var now = gate.Now();
        var current = row.IsTrueAt(now) ? row : await PeriodReader.FindAsync(session, row, new Moment(now, now), text);
        return current?.IsOverAt(now) == false ? current : null;
    }

    /// <summary>The memory with the embedding status that it has in the generation in use; in the archive it has no vector.</summary>
    private static async Task<Memory> SettledAsync(Session session, TenantVectors inUse, Memory memory)
    {
        if (memory.ArchivedAt is not null || memory.IsOfPeriod)
        {
            return memory;
        }

        var status = await MemoryVectors.StatusOfAsync(session, inUse, memory.Sequence, memory.Content, memory.EmbeddingStatus);
        return status == memory.EmbeddingStatus ? memory : memory with { EmbeddingStatus = status };
    }

    private static AuditRecord Record(Writer writer, string action, IReadOnlyList<Memory> memories) =>
        new(writer.Credential, action, memories.Count == 1 ? memories[0].Id.ToString() : null, memories.Count, writer.RequestId);
}
