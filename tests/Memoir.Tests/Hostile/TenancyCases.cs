using System.Text;
using static Memoir.Tests.Hostile.HostileCase;

namespace Memoir.Tests.Hostile;

/// <summary>Z: one tenant's credential and another's names, in every place that carries one.</summary>
internal static class TenancyCases
{
    private const string OfAcme = "/v1/conversations/acme/messages";
    private const string AcmeMessage = """{"tenant_id":"acme","conversation_id":"acme","role":"user","content":"planted","external_id":"1"}""";

    public static IEnumerable<HostileCase> All =>
    [
        new("Z01", "another tenant in the query", "403 tenant-mismatch", () => Globex("GET", $"{OfAcme}?tenant_id=acme")),
        new("Z01", "another tenant in the header", "403 tenant-mismatch", () => Globex("GET", OfAcme, "X-Tenant-ID: acme")),
        new("Z01", "another tenant in the body", "403 tenant-mismatch", () => Globex("POST", "/v1/messages", body: AcmeMessage)),
        new("Z01", "another tenant in an item of a batch", "403 tenant-mismatch", () => Globex("POST", "/v1/messages/batch", body: $$"""{"items":[{{AcmeMessage}}]}""")),
        new("Z01", "another tenant in the path", "403 insufficient-scope", () => Globex("DELETE", "/v1/tenants/acme/data")),
        new("Z01", "the own tenant in the header, another in the query", "400 invalid-request", () => Globex("GET", $"{OfAcme}?tenant_id=acme", "X-Tenant-ID: globex")),
        new("Z01", "the own tenant in the query, another in the body", "400 invalid-request", () => Globex("POST", "/v1/messages?tenant_id=globex", body: AcmeMessage)),
        new("Z01", "another tenant in the header of a search by body", "403 tenant-mismatch", () => Globex("POST", "/v1/memory/search", "X-Tenant-ID: acme", """{"query":"tea"}""")),
        new("Z02", "no tenant but a pattern in the header", "422 validation-failed", () => ((string[])["*", "%", "1 OR 1=1", "acme,globex", "acme'--"]).Select(name => Globex("GET", OfAcme, $"X-Tenant-ID: {name}"))),
        new("Z02", "two headers with tenants", "400 invalid-request", () => Globex("GET", OfAcme, "X-Tenant-ID: globex\r\nX-Tenant-ID: acme")),
        new("Z02", "two tenants in the query", "400 invalid-request", () => Globex("GET", $"{OfAcme}?tenant_id=globex&tenant_id=acme")),
        new("Z05", "a search for another tenant's user", "200", () => Globex("GET", "/v1/memory/search?query=tea&user_id=acme")),
        new("Z05", "a search for two users", "400 invalid-request", () => Globex("GET", "/v1/memory/search?query=tea&user_id=a&user_id=b")),
        new("Z05", "a search for a list of users", "400 invalid-request", () => Globex("GET", "/v1/memory/search?query=tea&user_id[]=a&user_id[]=b")),
        new("Z05", "a search for no user", "200", () => Globex("GET", "/v1/memory/search?query=tea&user_id=")),
        new("Z06", "a batch of two tenants", "422 validation-failed", () => Post("/v1/messages/batch", $$"""{"items":[{{AcmeMessage}},{{AcmeMessage.Replace("\"acme\",\"conv", "\"globex\",\"conv", StringComparison.Ordinal)}}]}""")),
        new("Z09", "a tenant's key on what is for administrators", "403 insufficient-scope", () => ((string[])["/v1/admin/keys", "/v1/admin/embeddings", "/metrics"]).Select(path => Globex("GET", path))),
        new("Z09", "a tenant's key on what is for operators", "403 insufficient-scope", () => Globex("POST", "/v1/admin/isolation/selftest")),
        new("Z09", "a tenant's key that makes one that may more", "403 insufficient-scope", () => Globex("POST", "/v1/admin/keys", body: """{"name":"x","scopes":["admin"]}""")),
        new("Z12", "an id of a job, key or message that is not the tenant's", "404 not-found", () => ((string[])["/v1/messages/", "/v1/jobs/"]).Select(path => Globex("GET", path + "01a1fe82-cb8f-755c-b4ac-3bd773960708"))),
    ];

    private static byte[] Globex(string method, string target, string header = "X-Nothing: here", string? body = null)
    {
        var content = body is null ? "" : $"Content-Type: application/json\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\n";
        return Raw($$$$"""{{{{method}}}} {{{{target}}}} HTTP/1.1{{{{"\r\n"}}}}Host: localhost{{{{"\r\n"}}}}x-api-key: {{globex}}{{{{"\r\n"}}}}{{{{header}}}}{{{{"\r\n"}}}}{{{{content}}}}{{{{"\r\n"}}}}{{{{body}}}}""");
    }
}
