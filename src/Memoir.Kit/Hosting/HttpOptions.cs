using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Memoir.Kit.Hosting;

/// <summary>Where the server listens and what a request may cost.</summary>
public sealed class HttpOptions
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

    /// <summary>After SIGTERM: how long readiness fails while requests are still taken, so that load balancers turn away.</summary>
    [Range(0, 60)]
    public int DrainSeconds { get; set; } = 1;
}

[OptionsValidator]
public sealed partial class HttpOptionsValidator : IValidateOptions<HttpOptions>;
