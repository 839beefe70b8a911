using Microsoft.Extensions.Options;

namespace Memoir.Server.OpenApi;

/// <summary>Under which address the world calls this server, where documents for others have to say so.</summary>
internal sealed class OpenApiOptions
{
    /// <summary>An absolute <c>http</c> or <c>https</c> address without query; empty: the address of the request is stated.</summary>
    public string PublicUrl { get; set; } = "";

    public bool IsValid => PublicUrl.Length == 0
        || (Uri.TryCreate(PublicUrl, UriKind.Absolute, out var url) && url.Scheme is "http" or "https" && url.Query.Length == 0 && url.Fragment.Length == 0 && url.UserInfo.Length == 0);
}

/// <summary>Refuses what is no address.</summary>
internal sealed class OpenApiOptionsValidator : IValidateOptions<OpenApiOptions>
{
    public ValidateOptionsResult Validate(string? name, OpenApiOptions options) => options.IsValid
        ? ValidateOptionsResult.Success
        : ValidateOptionsResult.Fail("PublicUrl: must be an absolute http or https address without a query, such as https://memory.example.com.");
}
