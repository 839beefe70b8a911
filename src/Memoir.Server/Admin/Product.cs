using System.Reflection;
using Memoir.Kit.Data;

namespace Memoir.Server.Admin;

/// <summary>What this program is and since when it runs.</summary>
internal static class Product
{
    /// <summary>The version of <c>Directory.Build.props</c>.</summary>
    public static string Version { get; } =
        typeof(Product).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;

    public static TimeSpan Uptime => TimeProvider.System.Now() - System.Diagnostics.Process.GetCurrentProcess().StartTime.ToUniversalTime();
}
