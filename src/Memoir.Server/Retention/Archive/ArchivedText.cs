using Memoir.Kit.Data;
using Memoir.Server.Memories;

namespace Memoir.Server.Retention.Archive;

/// <summary>What of an archived memory stands in a file: its text, and what it was before its changes.</summary>
/// <param name="Id">The memory.</param>
/// <param name="Content">Its text.</param>
/// <param name="Versions">The snapshots of its history, by version.</param>
internal sealed record ArchivedText(Guid Id, string Content, IReadOnlyDictionary<long, string> Versions)
{
    public long Characters => Content.Length + Versions.Values.Sum(snapshot => (long)snapshot.Length);

    /// <summary>Versions with the snapshots that stand here.</summary>
    public IReadOnlyList<MemoryVersion> Fill(IReadOnlyList<MemoryVersion> versions) =>
    [
        .. versions.Select(version => version.Snapshot.Text.Length == 0 ? version with { Snapshot = new Json(Versions[version.Version]) } : version),
    ];
}
