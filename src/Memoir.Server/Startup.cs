using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Memoir.Kit.Data;
using Memoir.Kit.Files;
using Memoir.Kit.Settings;
using Memoir.Server.Access;
using Memoir.Server.Admin;
using Memoir.Server.Embeddings.Stored;
using Microsoft.Extensions.Options;
using Memoir.Kit.Data.Sqlite;
using Memoir.Kit.Hosting;

namespace Memoir.Server;

/// <summary>Starts the program, or says in one line why it cannot and exits with 78.</summary>
internal static partial class Startup
{
    /// <summary>EX_CONFIG of sysexits.h: starting again without a change is no use.</summary>
    private const int CannotStart = 78;

    public static async Task<int> RunAsync(string[] args, Action<WebApplicationBuilder> add, Action<WebApplication> use)
    {
        if (args is [not "serve", ..] && !args[0].StartsWith('-'))
        {
            await Console.Error.WriteLineAsync($"memoir: there is no command {args[0]}; this version has: serve");
            return CannotStart;
        }

        try
        {
            // Settings are read once; watching the files for changes costs a thread that wakes at every write nearby.
            var builder = WebApplication.CreateSlimBuilder([.. args is ["serve", ..] ? args[1..] : args, "--hostBuilder:reloadConfigOnChange=false"]);
            add(builder);
            await using var app = builder.Build();
            use(app);
            await PrepareAsync(app);
            await ServeAsync(app);
            return 0;
        }
        catch (Exception exception) when (SettingsSetup.Explain(exception) is not null)
        {
            foreach (var line in SettingsSetup.Explain(exception)!.Split(Environment.NewLine))
            {
                await Console.Error.WriteLineAsync($"memoir: {line}");
            }

            return CannotStart;
        }
    }

    /// <summary>All that must be right before the first request: settings, folder, database, address.</summary>
    private static async Task PrepareAsync(WebApplication app)
    {
        var services = app.Services;
        services.GetService<IStartupValidator>()?.Validate();
        var options = services.GetRequiredService<IOptions<DatabaseOptions>>().Value;
        PrepareFolder(options);
        var database = services.GetRequiredService<Database>();
        var applied = await database.MigrateAsync(typeof(Startup).Assembly, services.GetRequiredService<TimeProvider>(), CancellationToken.None);
        await services.GetRequiredService<TenantGenerations>().LoadAsync(CancellationToken.None);
        var logger = services.GetRequiredService<ILoggerFactory>().CreateLogger("Memoir");
        LogStarted(logger, Product.Version, options.ResolveDataDirectory(), database.Location, SqliteLibrary.Version, applied);
        if (SqliteLibrary.Warning() is { } warning)
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

    private static void PrepareFolder(DatabaseOptions options)
    {
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

    [LoggerMessage(LogLevel.Information, "Memoir {Version} keeps its data in {Folder} (database {Database}, SQLite {SqliteVersion}, {Migrations} migrations applied).")]
    private static partial void LogStarted(ILogger logger, string version, string folder, string database, Version sqliteVersion, int migrations);

    [LoggerMessage(LogLevel.Information, "Memoir listens on {Addresses}.")]
    private static partial void LogListening(ILogger logger, string addresses);

    [LoggerMessage(LogLevel.Warning, "{Warning}")]
    private static partial void LogWarning(ILogger logger, string warning);

    [LoggerMessage(LogLevel.Information, "No API key is configured, so only callers on this machine are served. Set MEMORY_API_KEYS to let others in.")]
    private static partial void LogLoopbackOnly(ILogger logger);
}
