using System.Globalization;
using System.Text.RegularExpressions;
using Memoir.Kit.Files;

namespace Memoir.Server.Backups;

/// <summary>A complete backup, as its name tells.</summary>
internal sealed record BackupFile(string Path, DateTimeOffset CreatedAt, int Number)
{
    public string Name => System.IO.Path.GetFileName(Path);
}

/// <summary>The folder of backups: <c>memoir-20260401T093000Z.backup</c>, and <c>-2</c> for a second one of that moment. Other files are none of its business.</summary>
internal sealed partial class BackupFolder(string path)
{
    private const string Form = "yyyyMMdd'T'HHmmss'Z'";

    public string Path => path;

    /// <summary>Complete ones, the newest first.</summary>
    public IReadOnlyList<BackupFile> List() => !Directory.Exists(path) ? [] :
    [
        .. Directory.EnumerateFiles(path).Select(TryParse).OfType<BackupFile>()
            .OrderByDescending(file => file.CreatedAt).ThenByDescending(file => file.Number),
    ];

    /// <returns>Null when there is no such backup.</returns>
    public BackupFile? Find(string name) => List().FirstOrDefault(file => file.Name == name);

    /// <summary>A name that no backup has, complete or not.</summary>
    public string NewPath(DateTimeOffset now)
    {
        var name = $"memoir-{now.UtcDateTime.ToString(Form, CultureInfo.InvariantCulture)}";
        var free = System.IO.Path.Combine(path, $"{name}.backup");
        for (var number = 2; File.Exists(free) || File.Exists(free + PartialFile.Ending); number++)
        {
            free = System.IO.Path.Combine(path, string.Create(CultureInfo.InvariantCulture, $"{name}-{number}.backup"));
        }

        return free;
    }

    /// <summary>Makes the folder, and removes what writers left that did not finish.</summary>
    /// <exception cref="IOException">It cannot be made.</exception>
    public void Prepare()
    {
        DurableFiles.EnsurePrivateDirectory(path);
        foreach (var partial in Directory.EnumerateFiles(path, $"*{PartialFile.Ending}"))
        {
            if (TryParse(partial[..^PartialFile.Ending.Length]) is not null)
            {
                PartialFile.TryRemove(partial);
            }
        }
    }

    /// <summary>The same without those whose name is ahead of the clock: it was wrong when they were made, and they are newer than nothing.</summary>
    public IReadOnlyList<BackupFile> ListUntil(DateTimeOffset now) => [.. List().Where(file => file.CreatedAt <= now)];

    /// <summary>Removes all but the newest; those ahead of the clock are left to a person.</summary>
    public void Prune(int kept, DateTimeOffset now)
    {
        foreach (var old in ListUntil(now).Skip(kept))
        {
            File.Delete(old.Path);
        }
    }

    private static BackupFile? TryParse(string file)
    {
        var match = BackupName().Match(System.IO.Path.GetFileName(file));
        return match.Success
            && DateTimeOffset.TryParseExact(match.Groups["at"].ValueSpan, Form, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at)
            ? new BackupFile(file, at, match.Groups["number"].Success ? int.Parse(match.Groups["number"].ValueSpan, CultureInfo.InvariantCulture) : 1)
            : null;
    }

    [GeneratedRegex(@"^memoir-(?<at>\d{8}T\d{6}Z)(-(?<number>\d{1,6}))?\.backup$")]
    private static partial Regex BackupName();
}
