using System.Globalization;
using System.Net;

namespace Memoir.Bench.Service;

/// <summary>The arguments of the <c>service</c> command.</summary>
internal sealed record ServiceOptions
{
    public IReadOnlyList<int> Sizes { get; private init; } = [1_000, 10_000, 100_000];

    public IReadOnlyList<int> Tenants { get; private init; } = [1, 100];

    /// <summary>A short run that only proves that nothing fails; its figures are not to be compared.</summary>
    public bool Quick { get; private init; }

    /// <summary>A server that runs already; null starts one for each size.</summary>
    public IPEndPoint? Endpoint { get; private init; }

    public string? ApiKey { get; private init; }

    /// <summary>PostgreSQL for the server under test, the role it works with; null measures on SQLite.</summary>
    public string? DatabaseUrl { get; private init; }

    /// <summary>The role that owns the tables, and that makes and drops the databases of a run.</summary>
    public string? AdminUrl { get; private init; }

    /// <summary>On SQLite first, then on PostgreSQL.</summary>
    public bool Both { get; private init; }

    public IReadOnlyList<Engine> MeasuredEngines => Both ? [Engine.Sqlite, Engine.Postgres] : [DatabaseUrl is null ? Engine.Sqlite : Engine.Postgres];

    public string ServerPath { get; private init; } = DefaultServerPath();

    public string? OutputFile { get; private init; }

    /// <summary>Which of the output page's tables is written.</summary>
    public string Table { get; private init; } = "service";

    public TimeSpan Warmup => TimeSpan.FromSeconds(Quick ? 0.5 : 2);

    public TimeSpan Duration => TimeSpan.FromSeconds(Quick ? 1 : 4);

    public int Starts => Quick ? 1 : 3;

    public static ServiceOptions Parse(string[] args)
    {
        var options = new ServiceOptions();
        for (var i = 0; i < args.Length; i++)
        {
            if (args[i] == "--quick")
            {
                options = options with { Quick = true, Sizes = [1_000], Tenants = [1] };
                continue;
            }

            if (args[i] == "--both")
            {
                options = options with { Both = true };
                continue;
            }

            var value = i + 1 < args.Length ? args[i + 1] : throw new ArgumentException($"{args[i]} needs a value.");
            options = args[i++] switch
            {
                "--sizes" => options with { Sizes = [.. value.Split(',').Select(Count)] },
                "--tenants" => options with { Tenants = [.. value.Split(',').Select(Count)] },
                "--url" => options with { Endpoint = EndpointOf(value) },
                "--api-key" => options with { ApiKey = value },
                "--server" => options with { ServerPath = Path.GetFullPath(value) },
                "--database" => options with { DatabaseUrl = value },
                "--admin" => options with { AdminUrl = value },
                "--table" => options with { Table = value },
                "--out" => options with { OutputFile = value },
                var unknown => throw new ArgumentException($"Unknown option {unknown}."),
            };
        }

        return options.Both && options.DatabaseUrl is null ? throw new ArgumentException("--both needs --database.")
            : options.DatabaseUrl is not null && options.Endpoint is not null ? throw new ArgumentException("--url is a server that has its database already.")
            : options;
    }

    private static int Count(string text) => text.EndsWith('k')
        ? 1_000 * int.Parse(text[..^1], CultureInfo.InvariantCulture)
        : int.Parse(text, CultureInfo.InvariantCulture);

    private static IPEndPoint EndpointOf(string url)
    {
        var uri = new Uri(url);
        return new IPEndPoint(uri.Host == "localhost" ? IPAddress.Loopback : IPAddress.Parse(uri.Host), uri.Port);
    }

    /// <summary>The server's build of the same configuration, beside this program's in the artifacts folder.</summary>
    private static string DefaultServerPath()
    {
        var configuration = Path.GetFileName(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar));
        return Path.GetFullPath(
            Path.Combine(AppContext.BaseDirectory, "../../Memoir.Server", configuration, "Memoir.Server.dll"));
    }
}
