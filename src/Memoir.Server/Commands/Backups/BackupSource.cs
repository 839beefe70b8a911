using System.Text;
using Memoir.Kit.CommandLine;
using Memoir.Kit.Data;
using Memoir.Kit.Security;
using Memoir.Server.Backups.Format;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Commands.Backups;

/// <summary>A backup that a command restores from, and the keys that may open it.</summary>
internal static class BackupSource
{
    public static CommandOption KeyFile { get; } = new(
        "--key-file", "FILE", $"the secret that the backup was made with; MEMORY_SECRET_KEY or {InstanceKeys.FileName} in the data folder when absent");

    /// <summary>The keys of the option, else those of the installation; none are made.</summary>
    /// <exception cref="CommandException">There are none, or they cannot be read.</exception>
    public static InstanceKeys FindKeys(Arguments arguments, IServiceProvider services)
    {
        if (arguments.Text(KeyFile.Name) is { } file)
        {
            using var stream = Files.Open(file);
            using var text = new StreamReader(stream, Encoding.UTF8);
            try
            {
                return new InstanceKeys(InstanceKeys.Parse(text.ReadToEnd()));
            }
            catch (InvalidDataException exception)
            {
                throw new CommandException(ExitCode.Data, $"{KeyFile.Name}: {PrintableText.Of(file)}: {exception.Message}");
            }
        }

        var folder = services.GetRequiredService<IOptions<DatabaseOptions>>().Value.ResolveDataDirectory();
        return services.GetRequiredService<IOptions<SecurityOptions>>().Value.SecretKeys().Count > 0 || File.Exists(Path.Combine(folder, InstanceKeys.FileName))
            ? new InstanceKeys(services.GetRequiredService<IOptions<SecurityOptions>>(), services.GetRequiredService<IOptions<DatabaseOptions>>())
            : throw new CommandException(ExitCode.NoInput, $"there is no key to open backups with: put the {InstanceKeys.FileName} of the installation that made it into {PrintableText.Of(folder)}, set MEMORY_SECRET_KEY, or name its file with {KeyFile.Name}");
    }

    /// <summary>Opens a backup and reads all of it, so that nothing is begun with one that is not whole.</summary>
    /// <exception cref="CommandException">It is not there.</exception>
    /// <exception cref="BackupIntegrityException">It must not be used.</exception>
    public static async Task<(FileStream File, BackupManifest Manifest)> OpenAsync(
        string path, InstanceKeys keys, int schema, bool isTrusting, CancellationToken ct)
    {
        if (Directory.Exists(path))
        {
            throw new BackupIntegrityException(path, "is a folder");
        }

        if (path.Length > 0 && !path.Contains('\0', StringComparison.Ordinal) && new FileInfo(path).LinkTarget is not null)
        {
            throw new BackupIntegrityException(path, "is a link");
        }

        var file = Files.Open(path);
        try
        {
            await using var reader = await BackupReader.OpenAsync(file, path, keys, isTrusting, ct);
            if (reader.Header.Schema > schema)
            {
                throw new BackupIntegrityException(
                    path, FormattableString.Invariant($"is of migration {reader.Header.Schema:D4}, and this program knows {schema:D4}: it was made by version {reader.Header.Program}"));
            }

            return (file, await BackupReader.CheckAsync(file, path, keys, isTrusting, ct));
        }
        catch
        {
            await file.DisposeAsync();
            throw;
        }
    }

    /// <summary>Says what is wrong with a backup as a command does.</summary>
    public static async Task<T> RefuseAsync<T>(Func<Task<T>> work)
    {
        try
        {
            return await work();
        }
        catch (BackupIntegrityException exception)
        {
            throw new CommandException(ExitCode.Data, exception.Message);
        }
        catch (InvalidDataException exception)
        {
            throw new CommandException(ExitCode.Data, exception.Message);
        }
        catch (IOException exception)
        {
            throw new CommandException(ExitCode.Unavailable, PrintableText.Of(exception.Message));
        }
        catch (UnauthorizedAccessException exception)
        {
            throw new CommandException(ExitCode.NotAllowed, PrintableText.Of(exception.Message));
        }
    }
}
