using Memoir.Kit.CommandLine;
using Memoir.Kit.Data;
using Memoir.Kit.Hosting;
using Memoir.Kit.Security;
using Memoir.Kit.Telemetry;
using Memoir.Server.Access;
using Memoir.Server.Admin;
using Memoir.Server.Backups;
using Memoir.Server.Embeddings;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Commands.Doctor;

/// <summary>Looks at what is not the database: settings that work but surprise, the secret, the disk, the embedding provider.</summary>
internal sealed class MachineCheckup(IServiceProvider services, DatabaseOptions options, TimeProvider time)
{
    private const UnixFileMode Others = (UnixFileMode)0b000_111_111;

    public Finding Configuration()
    {
        const string check = "configuration";
        var http = Of<HttpOptions>();
        var keys = Of<AccessOptions>().OperatorKeys().Count();
        var text = FormattableString.Invariant($"{Of<AdminOptions>().Environment}, {(keys == 0 ? "no key, so callers of this machine alone" : $"operator keys: {keys}")}, {http.Host}:{http.Port}");
        var tokens = Of<TokenOptions>();
        if (tokens.Secrets().Count is > 0 and var secrets)
        {
            text += FormattableString.Invariant($", tokens of other services by {secrets} secret{(secrets == 1 ? "" : "s")}{(tokens.JwtIssuer.Length + tokens.JwtAudience.Length == 0 ? " of any issuer" : "")}");
        }

        var isLoopback = http.Host is "localhost" || (System.Net.IPAddress.TryParse(http.Host, out var address) && System.Net.IPAddress.IsLoopback(address));
        return keys == 0 && tokens.Secrets().Count == 0 && !isLoopback ? Finding.Warning(check, $"{text}: other machines get 401 until MEMORY_API_KEYS is set") : Finding.Ok(check, text);
    }

    public Finding Secret()
    {
        const string check = "secret";
        if (Of<SecurityOptions>().SecretKeys() is { Count: > 0 } configured)
        {
            using var keys = new InstanceKeys(configured);
            return Finding.Ok(check, $"MEMORY_SECRET_KEY, key {keys.KeyId}");
        }

        var path = Path.Combine(options.ResolveDataDirectory(), InstanceKeys.FileName);
        if (!File.Exists(path))
        {
            return Finding.Ok(check, $"there is none yet; the first start makes {path}");
        }

        try
        {
            using var keys = new InstanceKeys(InstanceKeys.Parse(File.ReadAllText(path)));
            return !OperatingSystem.IsWindows() && (File.GetUnixFileMode(path) & Others) != 0
                ? Finding.Error(check, $"{path} can be read by others: chmod 600 {path}, and put a new secret in its first line", ExitCode.Configuration)
                : options.IsPostgres ? Finding.Warning(check, $"{path}, key {keys.KeyId}: other processes on this database sign with their own until MEMORY_SECRET_KEY is set")
                : Finding.Ok(check, $"{path}, key {keys.KeyId}; without a copy of it elsewhere no backup can be opened");
        }
        catch (SystemException exception) when (exception is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            return Finding.Error(check, $"{path} cannot be used: {exception.Message}", ExitCode.Configuration);
        }
    }

    public async Task<Finding> DiskAsync(CancellationToken ct)
    {
        const string check = "disk";
        var folder = options.ResolveDataDirectory();
        while (!Directory.Exists(folder))
        {
            folder = Path.GetDirectoryName(folder)!; // The first start makes what is missing, on this disk.
        }

        var result = await new DiskProbe(folder).CheckAsync(ct);
        var text = $"{result.Detail} for {options.ResolveDataDirectory()}";
        return result.State switch
        {
            ReadinessState.Ok => Finding.Ok(check, text),
            ReadinessState.Degraded => Finding.Warning(check, $"{text}: soon too little"),
            _ => Finding.Error(check, $"{text}: writes will be refused", ExitCode.Unavailable),
        };
    }

    /// <summary>How old the newest backup is; whether it is good, its own reading back has shown.</summary>
    public Finding Backups()
    {
        const string check = "backups";
        var plan = services.GetRequiredService<BackupPlan>();
        if (plan.Folder is not { } folder)
        {
            return Finding.Warning(check, "none are made by Memoir: MEMORY_BACKUP_DIRECTORY is not set");
        }

        var newest = folder.List() is [var first, ..] ? first : null;
        var age = time.GetUtcNow() - newest?.CreatedAt;
        var text = newest is null ? $"none yet in {folder.Path}" : FormattableString.Invariant($"the newest is {age!.Value.TotalHours:N0} hours old, {newest.Path}");
        return plan.Options.Period() is not { } period ? Finding.Warning(check, $"{text}; MEMORY_BACKUP_SCHEDULE_SECONDS is off")
            : age > 2 * period ? Finding.Error(check, $"{text}; the server's log says why there is no newer one", ExitCode.Unavailable)
            : Finding.Ok(check, text);
    }

    /// <summary>Embeds two words, for which a provider may ask a fraction of a cent.</summary>
    public async Task<Finding> EmbeddingsAsync(CancellationToken ct)
    {
        const string check = "embeddings";
        var embedder = services.GetRequiredService<Embedders>().Default;
        if (embedder.IsLocal)
        {
            return Finding.Ok(check, $"{embedder.Generation.Key}, made in this process");
        }

        try
        {
            var started = time.GetTimestamp();
            await embedder.EmbedAsync(["memoir doctor"], EmbeddingPurpose.Query, ct);
            return Finding.Ok(check, FormattableString.Invariant($"{embedder.Generation.Key} answers after {time.GetElapsedTime(started).TotalMilliseconds:N0} ms"));
        }
        catch (EmbeddingException exception)
        {
            return Finding.Error(check, $"{embedder.Generation.Key}: {exception.Message} Searches go by words alone.", exception.IsPermanent ? ExitCode.Configuration : ExitCode.Unavailable);
        }
    }

    private T Of<T>()
        where T : class => services.GetRequiredService<IOptions<T>>().Value;
}
