using Memoir.Kit.CommandLine;

namespace Memoir.Server.Backups.Format;

/// <summary>A backup that must not be used: damaged, cut short, changed, or not ours. Its message names the file and says why.</summary>
internal sealed class BackupIntegrityException(string file, string reason)
    : Exception($"backup-integrity: {PrintableText.Of(file)} {reason}; nothing was changed")
{
    /// <summary>What is wrong, without the file's name.</summary>
    public string Reason => reason;
}
