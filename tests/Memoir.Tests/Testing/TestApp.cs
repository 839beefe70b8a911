using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Memoir.Kit.Data;
using Memoir.Kit.Jobs;
using Memoir.Server.Analytics;
using Memoir.Server.Retention;

namespace Memoir.Tests.Testing;

/// <summary>
/// The real server in memory: its own Program, real routes, real SQL, a throw-away database. Only the clock is false, and
/// jobs and merges run when the test says so.
/// </summary>
internal sealed class TestApp : WebApplicationFactory<Program>
{
    public const string OperatorKey = "operator-key-for-tests-0123456789";

    private readonly Dictionary<string, string?> _settings;
    private readonly bool _keepFolder;
    private TestApp? _first;
    private ManualRetentionClock? _databaseClock;

    private TestApp(string folder, Dictionary<string, string?> settings, bool keepFolder)
    {
        Folder = folder;
        _settings = settings;
        _keepFolder = keepFolder;
    }

    public ManualTime Time { get; private init; } = new();

    /// <summary>The clock that the server takes for its database's.</summary>
    public ManualRetentionClock DatabaseClock => _databaseClock ??= new ManualRetentionClock(Time);

    /// <summary>Every line the server logs; what it logs at all says the setting LogLevel.</summary>
    public LogCapture Log { get; } = new();

    public string Folder { get; }

    /// <summary>The database on the server of the tests; empty on SQLite.</summary>
    public string DatabaseName { get; private set; } = "";

    /// <summary>What callers seem to come from; null stands for no address at all.</summary>
    public IPAddress? CallerAddress { get; set; } = IPAddress.Loopback;

    /// <summary>A server with one operator key, on a database of its own.</summary>
    public static Task<TestApp> StartAsync(TestEngine engine, params (string Key, string? Value)[] settings) =>
        StartAsync(engine, Directory.CreateTempSubdirectory("memoir").FullName, keepFolder: false, settings);

    /// <summary>The same on a given folder, which stays: for restarts.</summary>
    public static Task<TestApp> StartInAsync(string folder, params (string Key, string? Value)[] settings) =>
        StartAsync(TestEngines.Current, folder, keepFolder: true, settings);

    /// <summary>
    /// The same server once more, on the database of a running one, which must outlive it: what another process would be.
    /// What the one commits reaches the memory of the other by nothing but the database.
    /// </summary>
    /// <param name="first">The running one.</param>
    /// <param name="time">A clock of its own, or that of the first.</param>
    public static TestApp StartBeside(TestApp first, ManualTime? time = null)
    {
        var app = new TestApp(first.Folder, first._settings, keepFolder: true) { Time = time ?? first.Time, _databaseClock = first.DatabaseClock, _first = first };
        app.StartServer();
        return app;
    }

    /// <summary>A caller with the operator key, acting in a tenant.</summary>
    public HttpClient As(string tenant)
    {
        var client = WithKey(OperatorKey);
        client.DefaultRequestHeaders.Add("X-Tenant-ID", tenant);
        return client;
    }

    public HttpClient WithKey(string key)
    {
        var client = CreateClient();
        client.DefaultRequestHeaders.Add("x-api-key", key);
        return client;
    }

    public async Task RunJobsAsync()
    {
        while (await Services.GetRequiredService<JobWorker>().RunBatchAsync(CancellationToken.None) > 0)
        {
        }
    }

    /// <summary>Searches wait in memory until they are written down.</summary>
    public Task WriteSearchesAsync() => Services.GetRequiredService<SearchLogWriter>().FlushAsync(CancellationToken.None);

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        if (_first is null && TestEngines.Current == TestEngine.Sqlite)
        {
            WaitForRelease();
        }

        foreach (var fault in Log.Faults)
        {
            TestContext.Current.TestOutputHelper?.WriteLine(fault); // What a 500 does not tell.
        }

        if (!_keepFolder)
        {
            if (DatabaseName.Length > 0)
            {
                await PostgresServer.DropAsync(DatabaseName);
            }

            Directory.Delete(Folder, recursive: true);
        }
    }

    protected override void ConfigureWebHost(IWebHostBuilder builder)
    {
        builder.UseSetting("Memory:DataDirectory", Folder);
        foreach (var (key, value) in _settings)
        {
            builder.UseSetting($"Memory:{key}", value);
        }

        builder.ConfigureLogging(logging => logging.ClearProviders().AddProvider(Log));
        builder.ConfigureTestServices(services =>
        {
            services.Replace(ServiceDescriptor.Singleton<TimeProvider>(Time));
            services.Replace(ServiceDescriptor.Singleton<RetentionClock>(DatabaseClock));
            services.RemoveAll<IHostedService>(); // No background work: tests run it themselves.
            services.AddSingleton<IStartupFilter>(new CallerAddressFilter(this));
            if (_first is not null)
            {
                services.Replace(ServiceDescriptor.Singleton(_first.Services.GetRequiredService<Database>()));
            }
        });
    }

    /// <summary>The program's own thread may still be closing the database when the factory says that all is disposed.</summary>
    private void WaitForRelease()
    {
        bool IsReleased()
        {
            try
            {
                using var taken = new FileStream(Path.Combine(Folder, "memoir.db.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
                return true;
            }
            catch (IOException)
            {
                return false;
            }
        }

        Assert.True(SpinWait.SpinUntil(IsReleased, TimeSpan.FromSeconds(30)), "the database is still in use");
    }

    private static async Task<TestApp> StartAsync(
        TestEngine engine, string folder, bool keepFolder, (string Key, string? Value)[] settings)
    {
        Assert.Equal(TestEngines.Current, engine);
        var values = new Dictionary<string, string?>
        {
            ["ApiKeys"] = OperatorKey,
            ["DrainSeconds"] = "0",
            ["GlobalRateLimit"] = "off",
            ["TenantRateLimit"] = "off",
            ["BlockAfterRefusals"] = "0",
        };
        var app = new TestApp(folder, values, keepFolder);
        if (engine == TestEngine.Postgres)
        {
            var database = app.DatabaseName = await PostgresServer.FindOrCreateAsync(folder, PostgresServer.CreateAsync);
            values["DatabaseUrl"] = PostgresServer.ApplicationUrlOf(database);
            values["DatabaseAdminUrl"] = PostgresServer.OwnerUrlOf(database);
            values["DatabasePoolSize"] = "10";
        }

        foreach (var (key, value) in settings)
        {
            values[key] = value;
        }

        app.StartServer();
        _ = app.Services.GetRequiredService<Database>();
        return app;
    }

    /// <summary>The test server has no network, so the address of the caller is set here.</summary>
    private sealed class CallerAddressFilter(TestApp app) : IStartupFilter
    {
        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => builder =>
        {
            builder.Use((HttpContext http, RequestDelegate rest) =>
            {
                http.Connection.RemoteIpAddress = app.CallerAddress;
                return rest(http);
            });
            next(builder);
        };
    }
}
