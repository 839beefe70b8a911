using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Memoir.Kit.Audit.Chain;
using Memoir.Kit.Data;
using Memoir.Kit.Data.Sqlite.Recovery;
using Memoir.Kit.Files;
using Memoir.Kit.Security;
using Memoir.Kit.Settings;
using Memoir.Server.Access;
using Memoir.Server.Admin;
using Memoir.Server.Embeddings.Stored;
using Memoir.Server.Retention.Archive;
using Microsoft.Extensions.Options;
using Memoir.Kit.Hosting;
using Memoir.Kit.CommandLine;
using Microsoft.Extensions.Logging.Console;

namespace Memoir.Server;

/// <summary>Starts the server, or says in one line why it cannot.</summary>
internal sealed partial class Startup(Action<WebApplicationBuilder> add, Action<WebApplication> use)
{
    // Settings are read once; watching the files for changes costs a thread that wakes at every write nearby.
    private const string ReadOnce = "--hostBuilder:reloadConfigOnChange=false";

    /// <summary>Runs what needs settings or the database; what is wrong with these is one line each, and exit code 78, or 69 where it may pass.</summary>
    public static async Task<int> ExplainAsync(Func<Task<int>> run)
    {
        try
        {
            return await run();
        }
        catch (Exception exception) when (SettingsSetup.Explain(exception) is not null)
        {
            foreach (var line in SettingsSetup.Explain(exception)!.Split(Environment.NewLine))
            {
                await Console.Error.WriteLineAsync($"memoir: {line}");
            }

            // Service managers start a program that ended with 78 not again until somebody acted.
            return exception is StartupException { MayPass: true } ? ExitCode.Unavailable : ExitCode.Configuration;
        }
    }

    /// <summary>Serves until the process is told to stop.</summary>
    public async Task<int> ServeAsync(ServerRole role, string[] args)
    {
        var builder = WebApplication.CreateSlimBuilder([.. args, ReadOnce]);
        builder.TakeRole(role);
        add(builder);
        await using var app = builder.Build();
        use(app);
        await PrepareAsync(app);
        await ServeAsync(app);
        return ExitCode.Done;
    }

    /// <summary>Brings the database up to date and serves nothing.</summary>
    /// <returns>How many migrations were applied, and where.</returns>
    public Task<(int Applied, string Location)> MigrateAsync(CancellationToken ct) => UseAsync(async services =>
    {
        PrepareFolder(services.GetRequiredService<IOptions<DatabaseOptions>>().Value);
        RefuseVanished(services.GetRequiredService<IOptions<DatabaseOptions>>().Value);
        var database = services.GetRequiredService<Database>();
        return (await database.MigrateAsync(typeof(Startup).Assembly, services.GetRequiredService<TimeProvider>(), ct), database.Location);
    });

    /// <summary>Lends a command the server's parts under the user's settings, without a server.</summary>
    public async Task<T> UseAsync<T>(Func<IServiceProvider, Task<T>> work)
    {
        var builder = WebApplication.CreateSlimBuilder([ReadOnce]);
        add(builder);
        builder.Logging.SetMinimumLevel(LogLevel.Error);
        await using var app = builder.Build();
        app.Services.GetService<IStartupValidator>()?.Validate();
        return await work(app.Services);
    }

    /// <summary>The same server inside a command: on a free port of this machine, and for the holder of the key alone.</summary>
    /// <param name="key">The one key it knows.</param>
    /// <param name="settings">Settings under <c>Memory</c> that differ from the user's own.</param>
    /// <param name="ct">Ends the start.</param>
    public async Task<WebApplication> StartPrivatelyAsync(string key, IReadOnlyDictionary<string, string?> settings, CancellationToken ct)
    {
        var builder = WebApplication.CreateSlimBuilder([ReadOnce]);
        add(builder);
        builder.Configuration.AddInMemoryCollection(
            settings.Append(new("ApiKeys", key)).Append(new("DrainSeconds", "0"))
                .Select(setting => KeyValuePair.Create($"{SettingsSetup.Section}:{setting.Key}", setting.Value)));

        // Standard output belongs to the command's result, and advice for operators to those who serve.
        builder.Logging.SetMinimumLevel(LogLevel.Error);
        builder.Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        var app = builder.Build();
        try
        {
            use(app);
            app.Urls.Add("http://127.0.0.1:0");
            await PrepareAsync(app);
            await app.StartAsync(ct);
            return app;
        }
        catch
        {
            await app.DisposeAsync();
            throw;
        }
    }

    /// <summary>All that must be right before the first request: settings, folder, database, address.</summary>
    private static async Task PrepareAsync(WebApplication app)
    {
        var services = app.Services;
        services.GetService<IStartupValidator>()?.Validate();
        var options = services.GetRequiredService<IOptions<DatabaseOptions>>().Value;
        if (!options.IsPostgres && app.Configuration.Role() is not ServerRole.Serve)
        {
            throw new StartupException("MEMORY_DATABASE_URL: the roles api and worker share a PostgreSQL database; on SQLite one process does both: memoir serve. Example: MEMORY_DATABASE_URL=postgresql://memoir:secret@127.0.0.1:5432/memoir");
        }

        PrepareFolder(options);
        RefuseVanished(options);
        services.GetRequiredService<InstanceKeys>();
        var database = services.GetRequiredService<Database>();
        services.GetRequiredService<ArchiveFolder>().Prepare(database.Location);
        var applied = await database.MigrateAsync(typeof(Startup).Assembly, services.GetRequiredService<TimeProvider>(), CancellationToken.None);
        var engine = await LookIntoAsync(database, services.GetRequiredService<TenantGenerations>());
        var logger = services.GetRequiredService<ILoggerFactory>().CreateLogger("Memoir");
        LogStarted(logger, Product.Version, database.Location, engine.Version, applied);
        foreach (var warning in engine.Warnings)
        {
            LogWarning(logger, warning);
        }

        var http = services.GetRequiredService<IOptions<HttpOptions>>().Value;
        if (app.Urls.Count == 0 && string.IsNullOrEmpty(app.Configuration["urls"]) && string.IsNullOrEmpty(app.Configuration["http_ports"]))
        {
            var host = http.Host.Contains(':', StringComparison.Ordinal) ? $"[{http.Host}]" : http.Host;
            app.Urls.Add($"http://{host}:{http.Port}");
        }

        if (services.GetRequiredService<Authenticator>().IsLoopbackOnly)
        {
            LogLoopbackOnly(logger);
        }

        var tokens = services.GetRequiredService<IOptions<TokenOptions>>().Value;
        if (tokens.Secrets().Count is > 0 and var secrets)
        {
            LogTokens(logger, secrets, tokens.JwtIssuer.Length == 0 ? "any" : tokens.JwtIssuer);
        }
    }

    private static async Task<EngineReport> LookIntoAsync(Database database, TenantGenerations generations)
    {
        try
        {
            await generations.LoadAsync(CancellationToken.None);
            return await database.InspectAsync(CancellationToken.None);
        }
        catch (Exception exception) when (database.Explain(exception, "cannot be used") is { } refusal)
        {
            throw refusal;
        }
    }

    private static async Task ServeAsync(WebApplication app)
    {
        var addresses = string.Join(", ", app.Urls);
        try
        {
            await app.StartAsync();
            LogListening(app.Logger, string.Join(", ", app.Urls));
        }
        catch (Exception exception) when (exception is IOException { InnerException: AddressInUseException } or SocketException)
        {
            throw new StartupException($"MEMORY_PORT: cannot listen on {addresses}: {exception.Message} Example: MEMORY_PORT=8001", exception);
        }

        await app.WaitForShutdownAsync();
    }

    /// <summary>Nothing shows that an empty file was full; what was signed about the audit chains of a database shows that there was one.</summary>
    /// <exception cref="StartupException">The database file is empty or gone, and its checkpoints are there.</exception>
    private static void RefuseVanished(DatabaseOptions options)
    {
        if (options.IsPostgres || new FileInfo(options.ResolveSqlitePath()) is { Exists: true, Length: > 0 } || SqliteReplacement.IsInterrupted(options.ResolveSqlitePath()))
        {
            return; // An interrupted recovery has its own answer.
        }

        var checkpoints = Path.Combine(options.ResolveDataDirectory(), CheckpointWriter.FileName);
        if (new FileInfo(checkpoints) is { Exists: true, Length: > 0 })
        {
            throw new StartupException($"{options.ResolveSqlitePath()} is empty or gone, and {checkpoints} says that there was a database. memoir recover puts the newest good backup in its place. To begin with an empty database move that file away.");
        }
    }

    /// <exception cref="StartupException">The folder of the data cannot be made or used.</exception>
    public static void PrepareFolder(DatabaseOptions options)
    {
        if (options.IsPostgres)
        {
            return; // It keeps nothing in files.
        }

        var folder = options.ResolveDataDirectory();
        try
        {
            DurableFiles.EnsurePrivateDirectory(folder);
            Directory.CreateDirectory(Path.GetDirectoryName(options.ResolveSqlitePath())!);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new StartupException($"MEMORY_DATA_DIRECTORY: the folder {folder} cannot be made or used: {exception.Message} Example: MEMORY_DATA_DIRECTORY=/var/lib/memoir", exception);
        }
    }

    [LoggerMessage(LogLevel.Information, "Memoir {Version} keeps its data in {Database} ({Engine}, {Migrations} migrations applied).")]
    private static partial void LogStarted(ILogger logger, string version, string database, string engine, int migrations);

    [LoggerMessage(LogLevel.Information, "Memoir listens on {Addresses}.")]
    private static partial void LogListening(ILogger logger, string addresses);

    [LoggerMessage(LogLevel.Warning, "{Warning}")]
    private static partial void LogWarning(ILogger logger, string warning);

    [LoggerMessage(LogLevel.Information, "Tokens of other services are taken, by {Secrets} secrets (JWT_SECRET_KEY), of issuer {Issuer}: they act in the tenant of their customer_id.")]
    private static partial void LogTokens(ILogger logger, int secrets, string issuer);

    [LoggerMessage(LogLevel.Information, "No API key is configured, so without a credential only callers on this machine are served. Set MEMORY_API_KEYS to let others in.")]
    private static partial void LogLoopbackOnly(ILogger logger);
}
