namespace Memoir.Kit.Limits;

/// <summary>Marks a route that no limit refuses: who asks whether the process lives must be told.</summary>
public sealed class UnlimitedRoute
{
    public static readonly UnlimitedRoute Instance = new();
}

/// <summary>Marks a route whose requests are counted by themselves: a probe must not starve because its machine also calls the rest.</summary>
public sealed class ProbeRoute
{
    public static readonly ProbeRoute Instance = new();
}

/// <summary>Marks a request that the server makes of itself; set as a feature, which no caller can.</summary>
public sealed class InnerRequestMark
{
    public static readonly InnerRequestMark Instance = new();
}
