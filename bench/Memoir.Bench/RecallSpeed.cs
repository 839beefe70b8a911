namespace Memoir.Bench;

/// <summary>Build, encode, decode and search times of one large tenant.</summary>
internal static class RecallSpeed
{
    public static int Run(string[] args) => args.Length;
}
