using System.Net;
using Memoir.Kit.CommandLine;
using Memoir.Kit.Hosting;
using Memoir.Kit.Settings;
using Memoir.Server.Access;

namespace Memoir.Server.Commands.Connections;

/// <summary>Where the running server is expected, and which key it may be shown.</summary>
/// <param name="Url">Its address.</param>
/// <param name="Key">The credential; null when there is none for this address.</param>
/// <param name="IsStated">The user named the address: no other will do.</param>
/// <param name="DefaultTenant">Where a caller acts who names no tenant.</param>
internal sealed record ServerAddress(Uri Url, string? Key, bool IsStated, string DefaultTenant)
{
    /// <exception cref="CommandException">The address is none.</exception>
    public static ServerAddress From(string? stated)
    {
        var configuration = new ConfigurationManager();
        configuration.AddJsonFile(Path.GetFullPath("appsettings.json"), optional: true).AddMemoryEnvironment();
        var memory = configuration.GetSection(SettingsSetup.Section);
        var url = stated is null ? Configured(memory) : Read(stated);

        // The operators' keys are meant for this machine's server; to any other only the key made for it is shown.
        var key = memory["ApiKey"];
        if (string.IsNullOrEmpty(key) && url.IsLoopback)
        {
            key = new AccessOptions { ApiKeys = memory[nameof(AccessOptions.ApiKeys)] ?? "" }.OperatorKeys().FirstOrDefault();
        }

        var tenant = memory[nameof(AccessOptions.DefaultTenant)];
        return new ServerAddress(
            url, string.IsNullOrEmpty(key) ? null : key, stated is not null,
            string.IsNullOrEmpty(tenant) ? new AccessOptions().DefaultTenant : tenant);
    }

    private static Uri Read(string stated)
    {
        if (!Uri.TryCreate(stated, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https") || url.UserInfo.Length > 0)
        {
            throw new CommandException(ExitCode.Usage, "--url must be an address such as http://127.0.0.1:8000");
        }

        return new Uri(url.AbsoluteUri.TrimEnd('/') + "/");
    }

    private static Uri Configured(IConfigurationSection memory)
    {
        var defaults = new HttpOptions();
        var host = memory[nameof(HttpOptions.Host)] is { Length: > 0 } configured ? configured : defaults.Host;
        var reached = IPAddress.TryParse(host, out var address)
            ? address.Equals(IPAddress.Any) ? "127.0.0.1" : address.Equals(IPAddress.IPv6Any) ? "[::1]"
            : host.Contains(':', StringComparison.Ordinal) ? $"[{host}]" : host
            : "127.0.0.1";
        var port = memory[nameof(HttpOptions.Port)] is { Length: > 0 } number ? number : $"{defaults.Port}";
        return Uri.TryCreate($"http://{reached}:{port}/", UriKind.Absolute, out var url) ? url : new Uri("http://127.0.0.1:8000/");
    }
}
