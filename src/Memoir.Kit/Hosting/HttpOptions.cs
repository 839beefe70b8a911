using System.ComponentModel.DataAnnotations;
using System.Net;
using Microsoft.Extensions.Options;

namespace Memoir.Kit.Hosting;

/// <summary>Where the server listens and what a request may cost.</summary>
public sealed class HttpOptions : IValidatableObject
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

    /// <summary>The listener takes a name that it does not know for "every address", which is the last thing a typing error may do.</summary>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Host is not "localhost" && !IPAddress.TryParse(Host, out _))
        {
            yield return new ValidationResult("must be an IP address of this machine, 0.0.0.0 or localhost.", [nameof(Host)]);
        }
    }
}

[OptionsValidator]
public sealed partial class HttpOptionsValidator : IValidateOptions<HttpOptions>;
