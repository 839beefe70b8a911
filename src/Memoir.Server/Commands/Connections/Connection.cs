using Memoir.Kit.CommandLine;
using Memoir.Kit.Data;
using Memoir.Kit.Security;

namespace Memoir.Server.Commands.Connections;

/// <summary>A server to talk to: the one that runs, or one inside this process that ends with the command.</summary>
internal sealed class Connection : IAsyncDisposable
{
    private readonly WebApplication? _own;
    private readonly string? _scratch;

    private Connection(MemoirClient client, WebApplication? own, string? scratch)
    {
        Client = client;
        _own = own;
        _scratch = scratch;
    }

    public MemoirClient Client { get; }

    /// <summary>The server is inside this process.</summary>
    public bool IsOwn => _own is not null;

    /// <summary>The running server; where none runs and none was named, the user's own database under its lock.</summary>
    /// <exception cref="CommandException">Neither can be had.</exception>
    public static async Task<Connection> OpenAsync(ServerAddress address, Surroundings around, CancellationToken ct)
    {
        if (await TryRunningAsync(address, around, ct) is { } running)
        {
            return running;
        }

        if (address.IsStated)
        {
            throw new CommandException(ExitCode.Unavailable, $"no Memoir answers at {address.Url}");
        }

        try
        {
            return await StartAsync(around, new Dictionary<string, string?>(), null, ct);
        }
        catch (StartupException taken) when (taken.IsInUse)
        {
            throw new CommandException(
                ExitCode.Unavailable, $"no Memoir answers at {address.Url}, yet one holds the database: say where it listens with --url ({taken.Message})");
        }
    }

    /// <returns>The running server, or null when none answers.</returns>
    public static async Task<Connection?> TryRunningAsync(ServerAddress address, Surroundings around, CancellationToken ct)
    {
        var client = new MemoirClient(address.Url, address.Key, around.Time);
        if (await client.AnswersAsync(ct))
        {
            return new Connection(client, null, null);
        }

        client.Dispose();
        return null;
    }

    /// <summary>A server inside this process on a database that goes with it; nothing of the user's is touched.</summary>
    public static async Task<Connection> ScratchAsync(Surroundings around, CancellationToken ct)
    {
        var folder = Directory.CreateTempSubdirectory("memoir-").FullName;
        try
        {
            return await StartAsync(
                around, new Dictionary<string, string?> { ["DataDirectory"] = folder, ["DatabaseUrl"] = new DatabaseOptions().DatabaseUrl }, folder, ct);
        }
        catch
        {
            Directory.Delete(folder, recursive: true);
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        if (_own is not null)
        {
            await _own.StopAsync();
            await _own.DisposeAsync();
        }

        if (_scratch is not null)
        {
            Directory.Delete(_scratch, recursive: true);
        }
    }

    private static async Task<Connection> StartAsync(
        Surroundings around, Dictionary<string, string?> settings, string? scratch, CancellationToken ct)
    {
        // Limits are for callers that share a server; this one has a single caller.
        settings["GlobalRateLimit"] = settings["TenantRateLimit"] = "off";
        settings["BackupScheduleSeconds"] = "off";
        var key = Secrets.Random(32);
        var own = await around.Startup.StartPrivatelyAsync(key, settings, ct);
        return new Connection(new MemoirClient(new Uri(own.Urls.First()), key, around.Time), own, scratch);
    }
}
