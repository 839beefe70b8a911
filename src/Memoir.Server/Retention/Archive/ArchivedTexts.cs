using Memoir.Kit.Data;

namespace Memoir.Server.Retention.Archive;

/// <summary>
/// Texts that a write needs and that stand in files. A write awaits nothing but its session, so it says what it needs, is
/// undone, and runs again with that.
/// </summary>
internal sealed class ArchivedTexts
{
    private readonly Dictionary<(Guid, string), ArchivedText> _texts = [];

    /// <summary>Runs a write until it needs no more.</summary>
    public static async Task<T> WriteAsync<T>(RetentionArchive archive, Tenant tenant, Func<ArchivedTexts, Task<T>> write, CancellationToken ct)
    {
        var texts = new ArchivedTexts();
        while (true)
        {
            try
            {
                return await write(texts);
            }
            catch (ArchivedTextNeededException needed)
            {
                texts._texts[(needed.Id, needed.File)] = await archive.GetAsync(tenant, needed.Id, needed.File, ct);
            }
        }
    }

    /// <exception cref="ArchivedTextNeededException">It has not been read yet.</exception>
    public ArchivedText Of(Guid id, string file) => _texts.GetValueOrDefault((id, file)) ?? throw new ArchivedTextNeededException(id, file);
}

/// <summary>A write cannot go on without a text that stands in a file.</summary>
internal sealed class ArchivedTextNeededException(Guid id, string file) : Exception("The text stands in the archive.")
{
    public Guid Id { get; } = id;

    public string File { get; } = file;
}
