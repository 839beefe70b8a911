using System.ComponentModel.DataAnnotations;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Options;

namespace Memoir.Kit.Hosting;

/// <summary>Where the server listens and what a request may cost.</summary>
public sealed partial class HttpOptions : IValidatableObject
{
    /// <summary>Address to listen on; yields to <c>ASPNETCORE_URLS</c>.</summary>
    [Required]
    public string Host { get; set; } = "127.0.0.1";

    [Range(0, 65535)]
    public int Port { get; set; } = 8000;

    /// <summary>Largest body of an ordinary request, in bytes; a batch may have eight times the default.</summary>
    [Range(1024, 104_857_600)]
    public int RequestMaxBytes { get; set; } = 1_048_576;

    [Range(1, 600)]
    public int RequestTimeoutSeconds { get; set; } = 30;

    /// <summary>The names by which this server is asked, with commas between them; <c>*.example.org</c> stands for all below it. Empty: any.</summary>
    public string AllowedHosts { get; set; } = "";

    /// <summary>The proxies that may say for whom they ask, as addresses and networks such as <c>10.0.0.0/8</c>, with commas between them. Empty: none.</summary>
    public string TrustedProxies { get; set; } = "";

    /// <summary>The origins of web pages that may call this server from a browser, exactly as browsers send them, with commas between them. Empty: none.</summary>
    public string AllowedOrigins { get; set; } = "";

    /// <summary>After SIGTERM: how long readiness fails while requests are still taken, so that load balancers turn away.</summary>
    [Range(0, 60)]
    public int DrainSeconds { get; set; } = 1;

    public IReadOnlyList<string> ListAllowedHosts() => List(AllowedHosts);

    public IReadOnlyList<string> ListAllowedOrigins() => List(AllowedOrigins);

    public IReadOnlyList<IPNetwork> ListTrustedProxies() => [.. List(TrustedProxies).Select(text => NetworkOf(text)!.Value)];

    /// <summary>The listener takes a name that it does not know for "every address", which is the last thing a typing error may do.</summary>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Host is not "localhost" && !IPAddress.TryParse(Host, out _))
        {
            yield return new ValidationResult("must be an IP address of this machine, 0.0.0.0 or localhost.", [nameof(Host)]);
        }

        if (!ListAllowedHosts().All(HostName().IsMatch))
        {
            yield return new ValidationResult(
                "must be host names with commas between them, without scheme, port or path, for example memory.example.com,*.example.org.", [nameof(AllowedHosts)]);
        }

        if (List(TrustedProxies).Any(text => NetworkOf(text) is null))
        {
            yield return new ValidationResult("must be addresses and networks with commas between them, for example 10.0.0.7,192.168.0.0/16,fd00::/8.", [nameof(TrustedProxies)]);
        }

        if (!ListAllowedOrigins().All(Origin().IsMatch))
        {
            yield return new ValidationResult(
                "must be origins with commas between them, in small letters, without path or wildcard, for example https://app.example.com,http://localhost:3000.", [nameof(AllowedOrigins)]);
        }
    }

    private static string[] List(string text) => text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    /// <summary>An address is a network of its own; bits beyond the prefix would be a mistake of whoever wrote them.</summary>
    private static IPNetwork? NetworkOf(string text) =>
        IPAddress.TryParse(text, out var address) ? new IPNetwork(address, address.AddressFamily is AddressFamily.InterNetwork ? 32 : 128)
        : IPNetwork.TryParse(text, out var network) && text.Split('/')[0] is var named && IPAddress.TryParse(named, out var first) && first.Equals(network.BaseAddress) ? network
        : null;

    [GeneratedRegex(@"^https?://(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?$")]
    private static partial Regex Origin();

    [GeneratedRegex(@"^(?:(?:\*\.)?[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])$")]
    private static partial Regex HostName();
}

[OptionsValidator]
public sealed partial class HttpOptionsValidator : IValidateOptions<HttpOptions>;
