using Memoir.Faults.Common;
using System.Globalization;

namespace Memoir.Faults.Overload;

/// <summary>The arguments of the <c>overload</c> command.</summary>
internal sealed record OverloadOptions
{
    /// <summary>How long each figure is measured.</summary>
    public TimeSpan Each { get; private init; } = TimeSpan.FromSeconds(30);

    /// <summary>Connections that send as fast as they are answered.</summary>
    public int Connections { get; private init; } = 64;

    /// <summary>Messages of the tenant that is searched.</summary>
    public int Messages { get; private init; } = 20_000;

    /// <summary>The promise that the server breaks on purpose, which J7 must find; null runs all there is.</summary>
    public string? Seeded { get; private init; }

    public string ServerPath { get; private init; } = ServerUnderTest.DefaultPath;

    public static OverloadOptions Parse(string[] args)
    {
        var options = new OverloadOptions();
        for (var i = 0; i < args.Length; i++)
        {
            options = args[i] switch
            {
                "--quick" => options with { Each = TimeSpan.FromSeconds(5), Messages = 5_000 },
                "--seconds" when i + 1 < args.Length => options with { Each = TimeSpan.FromSeconds(int.Parse(args[++i], CultureInfo.InvariantCulture)) },
                "--connections" when i + 1 < args.Length => options with { Connections = int.Parse(args[++i], CultureInfo.InvariantCulture) },
                "--seeded" when i + 1 < args.Length => options with { Seeded = args[++i] },
                "--server" when i + 1 < args.Length => options with { ServerPath = Path.GetFullPath(args[++i]) },
                var unknown => throw new ArgumentException($"Unknown option {unknown}."),
            };
        }

        return options;
    }
}
