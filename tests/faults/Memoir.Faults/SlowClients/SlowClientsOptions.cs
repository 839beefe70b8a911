using Memoir.Faults.Common;
namespace Memoir.Faults.SlowClients;

/// <summary>The arguments of the <c>slow</c> command.</summary>
internal sealed record SlowClientsOptions
{
    public bool IsQuick { get; private init; }

    public int HalfOpen => IsQuick ? 300 : 2000;

    public int Readers => IsQuick ? 20 : 50;

    public TimeSpan Calm => TimeSpan.FromSeconds(IsQuick ? 3 : 15);

    /// <summary>How long honest clients are watched beside slow ones.</summary>
    public TimeSpan Watched => TimeSpan.FromSeconds(IsQuick ? 1 : 5);

    public string ServerPath { get; private init; } = ServerUnderTest.DefaultPath;

    public static SlowClientsOptions Parse(string[] args)
    {
        var options = new SlowClientsOptions();
        for (var i = 0; i < args.Length; i++)
        {
            options = args[i] switch
            {
                "--quick" => options with { IsQuick = true },
                "--server" when i + 1 < args.Length => options with { ServerPath = Path.GetFullPath(args[++i]) },
                var unknown => throw new ArgumentException($"Unknown option {unknown}."),
            };
        }

        return options;
    }
}
