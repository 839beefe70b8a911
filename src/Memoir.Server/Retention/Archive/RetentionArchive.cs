using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Kit.Jobs;
using Memoir.Server.Memories;

namespace Memoir.Server.Retention.Archive;

/// <summary>Moves texts of archived memories to files, gets them back, and takes out of the files what the database does not refer to any more.</summary>
internal sealed partial class RetentionArchive(
    Database database, ArchiveFolder folder, JobQueue jobs, RetentionClock clock, ILogger<RetentionArchive> logger)
{
    public const string EraseJobKind = "erase-archived";

    /// <summary>Texts larger than this, with their history, stay in the database: a file is read as a whole.</summary>
    public const long LargestText = 4_000_000;

    public bool IsOn => folder.IsOn;

    /// <summary>The memory with its text.</summary>
    /// <exception cref="ProblemException">503: the file is damaged or gone; the text names it.</exception>
    public async Task<Memory> FillAsync(Tenant tenant, Memory memory, CancellationToken ct) =>
        memory.ArchiveFile is { } file ? memory with { Content = (await GetAsync(tenant, memory.Id, file, ct)).Content } : memory;

    /// <summary>As <see cref="FillAsync"/>, for an index: one damaged file must not take the words of all others with it.</summary>
    /// <returns>Null when its text cannot be read.</returns>
    public async Task<Memory?> FillForIndexAsync(Tenant tenant, Memory memory, CancellationToken ct)
    {
        try
        {
            return await FillAsync(tenant, memory, ct);
        }
        catch (ProblemException exception)
        {
            LogNotIndexed(memory.Id, exception.Message);
            return null;
        }
    }

    /// <summary>As <see cref="GetAsync"/>, for a backup: one damaged file must not keep all else from being saved.</summary>
    /// <returns>Null when it cannot be read.</returns>
    public async Task<ArchivedText?> FindAsync(Tenant tenant, Guid id, string file, CancellationToken ct)
    {
        try
        {
            return await GetAsync(tenant, id, file, ct);
        }
        catch (ProblemException exception)
        {
            // Brought back since the backup began: the file is rewritten then, and the database has the text again.
            if (await database.ReadAsync(tenant, session => ArchiveStore.FindBroughtBackAsync(session, id), ct) is { } back)
            {
                return back;
            }

            LogNotSaved(id, exception.Message);
            return null;
        }
    }

    /// <inheritdoc cref="FillAsync"/>
    public async Task<ArchivedText> GetAsync(Tenant tenant, Guid id, string file, CancellationToken ct)
    {
        var texts = await ReadAsync(tenant, file, ct);
        return texts?.GetValueOrDefault(id) ?? throw Unreadable(file, IsOn ? "it does not hold this memory, or is gone" : "MEMORY_ARCHIVE_DIRECTORY is not set");
    }

    /// <summary>Writes texts to a new file that lasts, before the database forgets them.</summary>
    /// <returns>The file's name.</returns>
    /// <exception cref="ProblemException">The storage refused; nothing changed.</exception>
    public async Task<string> WriteAsync(Tenant tenant, IReadOnlyCollection<ArchivedText> texts, CancellationToken ct)
    {
        var name = folder.NewName();
        try
        {
            await folder.WriteAsync(tenant, name, texts, ct);
        }
        catch (IOException exception)
        {
            LogNotWritten(exception);
            throw new ProblemException(Problem.StorageUnavailable, "The archive's folder refused a file; nothing of it was moved. The server's log says more.");
        }

        return name;
    }

    /// <summary>
    /// What has to move with a memory's text; null when it is too large to move. Versions in which it was another user's stay
    /// in the database, where they are found when that one is erased.
    /// </summary>
    public static async Task<ArchivedText?> CollectAsync(Session session, Memory memory)
    {
        var snapshots = memory.Version > 1 ? await ArchiveStore.ListSnapshotsAsync(session, memory.Id) : [];
        var own = snapshots.Where(version => MemorySnapshot.UserOf(version.Value) == memory.UserId).ToDictionary();
        var text = new ArchivedText(memory.Id, memory.Content, own);
        return text.Characters <= LargestText ? text : null;
    }

    /// <summary>Says in the transaction that archives a memory that its text stands in a file.</summary>
    public static Task MovedAsync(Session session, ArchivedText text, string file) => ArchiveStore.ForgetTextAsync(session, text, file);

    /// <summary>Puts a memory's text back into the database. The file is told by <see cref="NoteGoneAsync"/>.</summary>
    public static async Task PutBackAsync(Session session, ArchivedText text)
    {
        await ArchiveStore.SetTextAsync(session, text.Id, text.Content);
        foreach (var (version, snapshot) in text.Versions)
        {
            await ArchiveStore.SetSnapshotAsync(session, text.Id, version, snapshot);
        }
    }

    /// <summary>Says in the transaction that lets go of texts that their files hold too much; a job sees to it if nobody does before.</summary>
    public async Task NoteGoneAsync(Session session, IEnumerable<string?> files)
    {
        foreach (var file in files.OfType<string>().Distinct(StringComparer.Ordinal))
        {
            await jobs.EnqueueAsync(session, EraseJobKind, file);
        }
    }

    /// <summary>Rewrites files without what the database does not refer to any more. A damaged file is left, and the job of <see cref="NoteGoneAsync"/> fails on it.</summary>
    public async Task EraseAsync(Tenant tenant, IEnumerable<string?> files, CancellationToken ct)
    {
        foreach (var file in files.OfType<string>().Distinct(StringComparer.Ordinal))
        {
            try
            {
                await EraseAsync(tenant, file, ct);
            }
            catch (InvalidDataException exception)
            {
                LogNotErased(file, exception);
            }
            catch (IOException exception)
            {
                LogNotErased(file, exception);
            }
        }
    }

    /// <summary>The same for all files of a tenant: for whoever deletes memories without asking where their texts are.</summary>
    public async Task EraseAsync(Tenant tenant, CancellationToken ct)
    {
        await EraseAsync(tenant, await database.ReadAsync(tenant, ArchiveStore.ListFilesAsync, ct), ct);
        await SweepAsync(tenant, Guid.Empty, ct);
    }

    /// <exception cref="InvalidDataException">The file is damaged.</exception>
    public async Task EraseAsync(Tenant tenant, string file, CancellationToken ct)
    {
        // Another process may rewrite it at the same time, from before what we know: so it is looked at once more.
        while (true)
        {
            var wanted = await database.ReadAsync(tenant, session => ArchiveStore.ListMemoriesAsync(session, file), ct);
            if (wanted.Count == 0)
            {
                folder.Delete(tenant, file);
                return;
            }

            if (await folder.ReadAsync(tenant, file, ct) is not { } texts || texts.Keys.All(wanted.Contains))
            {
                return;
            }

            await folder.WriteAsync(tenant, file, [.. texts.Values.Where(text => wanted.Contains(text.Id))], ct);
        }
    }

    /// <summary>Deletes all files of a tenant that is erased.</summary>
    public void EraseTenant(Tenant tenant) => folder.DeleteAll(tenant);

    /// <summary>Deletes what a crash has left: files that nothing refers to.</summary>
    /// <param name="tenant">Whose.</param>
    /// <param name="own">The caller's run; those of others may have files that nothing refers to yet.</param>
    /// <param name="ct">Ends it.</param>
    public async Task SweepAsync(Tenant tenant, Guid own, CancellationToken ct)
    {
        if (!folder.IsOwn)
        {
            return;
        }

        // Listed first: what another run writes after this was asked is not in it.
        var files = folder.List(tenant);
        if (files.Count == 0)
        {
            return;
        }

        var wanted = await database.ReadAsync(tenant, async session =>
            await ArchiveStore.IsBeingWrittenAsync(session, await clock.ReadAsync(session), own) ? null : await ArchiveStore.ListFilesAsync(session), ct);
        foreach (var file in wanted is null ? [] : files.Where(file => !wanted.Contains(file)))
        {
            folder.Delete(tenant, file);
            LogSwept(file);
        }
    }

    /// <summary>The same for every tenant, after a start.</summary>
    public async Task SweepAllAsync(CancellationToken ct)
    {
        const int page = 500;
        if (IsOn && !folder.IsOwn)
        {
            LogForeign();
            return;
        }

        IReadOnlyList<string> tenants = [""];
        while (IsOn && tenants.Count > 0)
        {
            var after = tenants[^1];
            tenants = await database.SystemReadAsync(system => ArchiveStore.ListTenantsAsync(system, after, page), ct);
            foreach (var tenant in tenants)
            {
                await SweepAsync(new Tenant(tenant), Guid.Empty, ct);
            }
        }
    }

    private async Task<IReadOnlyDictionary<Guid, ArchivedText>?> ReadAsync(Tenant tenant, string file, CancellationToken ct)
    {
        try
        {
            return await folder.ReadAsync(tenant, file, ct);
        }
        catch (InvalidDataException exception)
        {
            LogDamaged(file, exception);
            throw Unreadable(file, exception.Message);
        }
    }

    private static ProblemException Unreadable(string file, string why) =>
        new(Problem.StorageUnavailable, $"A text that was asked for stands in the archive file {file}, which cannot be used: {why}.");

    [LoggerMessage(LogLevel.Warning, "The folder of the archive is that of another database, or of this one before it was restored: nothing in it is deleted. When nobody needs the other one, delete the file named database in it and start again.")]
    private partial void LogForeign();

    [LoggerMessage(LogLevel.Error, "The archive file {File} is damaged or cannot be read. Put it back from a backup.")]
    private partial void LogDamaged(string file, Exception exception);

    [LoggerMessage(LogLevel.Warning, "The words of the archived memory {MemoryId} are not in the index: {Why}")]
    private partial void LogNotIndexed(Guid memoryId, string why);

    [LoggerMessage(LogLevel.Error, "The text of the archived memory {MemoryId} is not in the backup: {Why}")]
    private partial void LogNotSaved(Guid memoryId, string why);

    [LoggerMessage(LogLevel.Error, "An archive file could not be written.")]
    private partial void LogNotWritten(Exception exception);

    [LoggerMessage(LogLevel.Error, "What was deleted could not be taken out of the archive file {File}; a job tries it again.")]
    private partial void LogNotErased(string file, Exception exception);

    [LoggerMessage(LogLevel.Information, "The archive file {File} was left by a run that was cut off, and is deleted.")]
    private partial void LogSwept(string file);
}
