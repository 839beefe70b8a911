using System.Security.Cryptography;
using System.Text;
using Memoir.Kit.Http;
using Memoir.Server.Access;
using Microsoft.Net.Http.Headers;

namespace Memoir.Server.Docs;

/// <summary>Front door of this folder: a page on which people read the API's contract and try it.</summary>
internal static class DocsFeature
{
    public static void AddDocs(this IHostApplicationBuilder builder) => builder.Services.AddSingleton<DocsAssets>();

    public static void MapDocs(this IEndpointRouteBuilder app)
    {
        var docs = app.MapGroup("/docs").AllowStrangers().ExcludeFromDescription();
        docs.MapGet("", Page);
        docs.MapGet("/assets/{file}", Asset);
    }

    private static IResult Page(HttpContext http, DocsAssets assets)
    {
        var nonce = RandomNumberGenerator.GetHexString(32, lowercase: true);
        var html = new StringBuilder(Encoding.UTF8.GetString(assets.Find(DocsAssets.Page)!.Content()))
            .Replace("{nonce}", nonce)
            .Replace("{version}", DocsAssets.SwaggerVersion);
        foreach (var name in assets.Names)
        {
            html.Replace($"{{asset:{name}}}", assets.AddressOf(name));
        }

        http.Response.Headers.ContentSecurityPolicy =
            $"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src 'self' data:; connect-src 'self'; "
            + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
        return Results.Text(html.ToString(), "text/html", Encoding.UTF8);
    }

    private static IResult Asset(HttpContext http, string file, DocsAssets assets)
    {
        if (file is DocsAssets.Page || assets.Find(file) is not { } asset)
        {
            throw ProblemException.NotFound("There is no such file.");
        }

        // Only the address that names this very content may be kept without asking again.
        var headers = http.Response.Headers;
        headers.CacheControl = http.Request.Query["v"] == asset.Version ? "public, max-age=31536000, immutable" : "no-cache";
        headers.Vary = HeaderNames.AcceptEncoding;
        var isPacked = asset.IsCompressed && TakesGzip(http.Request);
        if (isPacked)
        {
            headers.ContentEncoding = "gzip";
        }

        var tag = new EntityTagHeaderValue(isPacked ? $"\"{asset.Version}-gzip\"" : $"\"{asset.Version}\"");
        return Results.Bytes(isPacked ? asset.Stored : asset.Content(), asset.MediaType, entityTag: tag);
    }

    private static bool TakesGzip(HttpRequest request) =>
        request.GetTypedHeaders().AcceptEncoding.Any(coding => coding.Value is { HasValue: true } && coding.Value == "gzip" && coding.Quality is not 0);
}
