using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Memoir.Server.Docs;
using Memoir.Tests.Architecture;
using Memoir.Tests.Testing;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Docs;

/// <summary>The API reference as a browser gets it; tests/browser opens it in one.</summary>
public sealed partial class ReferencePageTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private static readonly string Assets = Path.Combine(SourceText.Source, "Memoir.Server", "Docs", "Assets");

    [Fact]
    public async Task The_page_is_open_to_strangers_and_may_run_its_own_scripts_only()
    {
        var answer = await shared.App.CreateClient().GetAsync("/docs", Ct);

        var html = await answer.Content.ReadAsStringAsync(Ct);
        var policy = answer.Headers.GetValues("Content-Security-Policy").Single();
        var nonce = Nonce().Match(policy).Groups["nonce"].Value;
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("text/html", answer.Content.Headers.ContentType?.MediaType);
        Assert.Equal(
            $"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src 'self' data:; connect-src 'self'; "
            + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            policy);
        Assert.All(Loads().Matches(html), tag => Assert.Contains($"nonce=\"{nonce}\"", tag.Value, StringComparison.Ordinal));
        Assert.DoesNotContain('{', html);
        Assert.Equal("no-store", answer.Headers.CacheControl?.ToString());
        Assert.Equal("DENY", answer.Headers.GetValues("X-Frame-Options").Single());
        Assert.Equal("no-referrer", answer.Headers.GetValues("Referrer-Policy").Single());
    }

    [Fact]
    public async Task A_nonce_is_used_once()
    {
        var client = shared.App.CreateClient();

        var policies = new[] { await PolicyAsync(client), await PolicyAsync(client) };

        Assert.NotEqual(policies[0], policies[1]);
    }

    [Fact]
    public async Task The_page_names_no_other_host_and_every_file_it_names_is_there()
    {
        var client = shared.App.CreateClient();
        var html = await client.GetStringAsync("/docs", Ct);

        var addresses = Address().Matches(html).Select(match => match.Groups["url"].Value).Where(url => url != "data:,").ToList();

        Assert.DoesNotContain("//", html, StringComparison.Ordinal);
        Assert.True(addresses.Count >= 7, string.Join(' ', addresses));
        foreach (var url in addresses)
        {
            var answer = await client.GetAsync(url, Ct);

            Assert.True(answer.StatusCode == HttpStatusCode.OK, url);
            Assert.Equal("nosniff", answer.Headers.GetValues("X-Content-Type-Options").Single());
            if (url.StartsWith("/docs/assets/", StringComparison.Ordinal))
            {
                Assert.Equal("public, max-age=31536000, immutable", answer.Headers.CacheControl?.ToString());
                Assert.Equal("default-src 'none'", answer.Headers.GetValues("Content-Security-Policy").Single());
            }
        }
    }

    [Theory]
    [InlineData("swagger-ui-bundle.js", "text/javascript")]
    [InlineData("swagger-ui.css", "text/css")]
    [InlineData("reference.js", "text/javascript")]
    [InlineData("swagger-ui-LICENSE.txt", "text/plain")]
    public async Task A_file_says_what_it_is_and_is_not_sent_twice(string file, string mediaType)
    {
        var client = shared.App.CreateClient();

        var first = await client.GetAsync($"/docs/assets/{file}", Ct);
        var request = new HttpRequestMessage(HttpMethod.Get, $"/docs/assets/{file}");
        request.Headers.IfNoneMatch.Add(first.Headers.ETag!);
        var second = await client.SendAsync(request, Ct);

        Assert.Equal(mediaType, first.Content.Headers.ContentType?.MediaType);
        Assert.Equal("no-cache", first.Headers.CacheControl?.ToString());
        Assert.Equal(HttpStatusCode.NotModified, second.StatusCode);
        Assert.Empty(await second.Content.ReadAsByteArrayAsync(Ct));
    }

    [Fact]
    public async Task A_client_gets_a_file_packed_or_not_as_it_can_read_it()
    {
        var client = shared.App.CreateClient();

        var plain = await client.GetAsync("/docs/assets/swagger-ui.css", Ct);
        var packed = await GetAsync(client, "gzip");
        var refused = await GetAsync(client, "gzip;q=0");

        var text = await plain.Content.ReadAsStringAsync(Ct);
        await using var unpacked = new GZipStream(await packed.Content.ReadAsStreamAsync(Ct), CompressionMode.Decompress);
        Assert.Empty(plain.Content.Headers.ContentEncoding);
        Assert.Equal(["gzip"], packed.Content.Headers.ContentEncoding);
        Assert.Empty(refused.Content.Headers.ContentEncoding);
        Assert.Equal(text, await new StreamReader(unpacked).ReadToEndAsync(Ct));
        Assert.NotEqual(plain.Headers.ETag, packed.Headers.ETag);
        Assert.All((HttpResponseMessage[])[plain, packed], answer => Assert.Equal(["Accept-Encoding"], answer.Headers.Vary));
    }

    [Theory]
    [InlineData("/docs/assets/none.js")]
    [InlineData("/docs/assets/reference.html")]
    [InlineData("/docs/assets/README.md")]
    [InlineData("/docs/assets/..%2Freference.js")]
    public async Task Only_the_files_of_the_page_are_served(string url)
    {
        var refused = await shared.App.CreateClient().GetAsync(url, Ct);

        await refused.RefusedAsync(HttpStatusCode.NotFound, "not-found");
    }

    [Fact]
    public async Task The_library_is_the_published_one()
    {
        var readme = await File.ReadAllTextAsync(Path.Combine(Assets, "README.md"), Ct);
        var vendored = Directory.GetFiles(Assets, "*.gz");

        Assert.Contains($"Swagger UI {DocsAssets.SwaggerVersion}", readme, StringComparison.Ordinal);
        Assert.Equal(2, vendored.Length);
        foreach (var path in vendored)
        {
            await using var content = new GZipStream(File.OpenRead(path), CompressionMode.Decompress);
            var hash = Convert.ToHexStringLower(await SHA256.HashDataAsync(content, Ct));

            Assert.Contains(
                string.Create(CultureInfo.InvariantCulture, $"| `{Path.GetFileName(path)}` | `{hash}` |"), readme, StringComparison.Ordinal);
        }
    }

    private static async Task<string> PolicyAsync(HttpClient client) =>
        (await client.GetAsync("/docs", Ct)).Headers.GetValues("Content-Security-Policy").Single();

    private static Task<HttpResponseMessage> GetAsync(HttpClient client, string encoding)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, "/docs/assets/swagger-ui.css");
        request.Headers.AcceptEncoding.Add(StringWithQualityHeaderValue.Parse(encoding));
        return client.SendAsync(request, Ct);
    }

    [GeneratedRegex("'nonce-(?<nonce>[A-Za-z0-9+/=]{24,})'")]
    private static partial Regex Nonce();

    [GeneratedRegex("<(script|link rel=\"stylesheet\"|style)[^>]*>")]
    private static partial Regex Loads();

    [GeneratedRegex("(?:src|href|data-document)=\"(?<url>[^\"]+)\"")]
    private static partial Regex Address();
}
