using static Memoir.Tests.Hostile.HostileCase;

namespace Memoir.Tests.Hostile;

/// <summary>I: injection.</summary>
internal static class InjectionCases
{
    private const string Refused = "200 or 202 or 400 or 404 or 422";

    private static readonly string[] Sql =
    [
        "'", "\"", "`", "\\", "' OR '1'='1", "' OR 1=1 --", "1; DROP TABLE memories; --", "'; DELETE FROM api_keys; --", "' UNION SELECT * FROM api_keys --",
        "x' AND (SELECT COUNT(*) FROM sqlite_master) > 0 --", "' AND randomblob(100000000) --", "%", "_", "') OR ('1'='1", "@Tenant", ":p", "?1", "$1",
        "1 AND 1=1", "1e0", "0x41", "char(39)||char(39)", "/**/OR/**/1=1", "\u02bc OR 1=1", "acme' --",
    ];

    private static readonly string[] Members = ["tenant_id", "conversation_id", "role", "content", "user_id", "name", "external_id", "source", "created_at"];

    private static readonly string[] Parameters =
    [
        "tenant_id", "query", "top_k", "conversation_id", "user_id", "role", "type", "importance_min", "since", "until", "include_archived", "mode", "neighbors", "explain",
    ];

    private static readonly string[] Literal =
    [
        "\"", "tea\"", "\"tea", "AND", "tea AND NOT x", "NEAR(", "NEAR(tea x, 5)", "*", "tea*", "-tea", "+tea", "content:tea", "tenant_id:globex", "tenant:t2", "^tea", "(", ")", "(tea",
        "{tea}", "[tea]", "tea~2", "tea^9", "/tea/", "tea || x", "!tea", "\\", "%tea_", "' OR 1=1 --", "{0} {{x}} %s ${y} #{z}", "<tea>", "tea;", "   ",
    ];

    public static IEnumerable<HostileCase> All =>
    [
        .. Parameters.Select(name => new HostileCase(
            "I01", $"SQL in the parameter {name} of a search", Refused,
            () => Sql.Select(sql => Get(name == "query" ? Query(sql) : $"/v1/memory/search?{(name == "tenant_id" ? "" : "tenant_id=acme&")}query=tea&{name}={Uri.EscapeDataString(sql)}")))),
        .. Members.Select(name => new HostileCase(
            "I01", $"SQL in the member {name} of a message", Refused,
            () => Sql.Select(sql => Post("/v1/messages", Message(name, Quoted(sql)))))),
        new("I01", "SQL in limit, order and cursor of a list", Refused, () => Sql.SelectMany(sql => ((string[])["limit", "order", "cursor"]).Select(name =>
            Get($"/v1/conversations/acme/messages?tenant_id=acme&{name}={Uri.EscapeDataString(sql)}")))),
        new("I01", "SQL in the path", Refused, () => Sql.Select(sql => Get($"/v1/conversations/{Uri.EscapeDataString(sql)}/messages?tenant_id=acme"))),
        new("I01", "SQL in a filter, as name and as value", Refused, () => Sql.Select(sql =>
            Post("/v1/memory/search", $"{{\"tenant_id\":\"acme\",\"query\":\"tea\",\"filter\":{{{Quoted(sql)}:{Quoted(sql)}}}}}"))),
        new("I01", "SQL as a key", "401 unauthenticated", () => Raw("GET /v1/conversations HTTP/1.1\r\nHost: localhost\r\nx-api-key: ' OR '1'='1\r\n\r\n")),
        new("I01", "SQL as an idempotency key is a key", "202", () => Raw(
            $"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nx-api-key: {{{{operator}}}}\r\nIdempotency-Key: ' OR '1'='1\r\nContent-Type: application/json\r\nContent-Length: {Message().Length}\r\n\r\n{Message()}")),
        new("I03", "order=content", "422 validation-failed", () => Get("/v1/conversations/acme/messages?tenant_id=acme&order=content")),
        .. ((string[])["sort", "fields", "include", "group", "order_by", "user_id[]", "$where"]).Select(name => new HostileCase(
            "I03", $"parameter {name}", "400 invalid-request", () => Get($"/v1/conversations?tenant_id=acme&{Uri.EscapeDataString(name)}=content"))),
        new("I03", "an unknown parameter on a route with a body", "400 invalid-request", () => Post("/v1/messages?tenant=acme", Message())),
        new("I04", $"{Literal.Length} texts with the syntax of search engines: they are words", "200", () => Literal.Select(text => Get(Query(text)))),
        new("I05", "20,000 terms", "422 validation-failed", () => Search(string.Concat(Enumerable.Repeat("tea ", 20_000)))),
        new("I05", "2,048 terms", "200", () => Search(string.Concat(Enumerable.Range(0, 800).Select(i => $"w{i:000} ")))),
        new("I05", "4,096 opening parentheses", "200", () => Search(new string('(', 4096))),
        new("I05", "an empty search", "422 validation-failed", () => Search("")),
        .. LongTexts().Select(text => new HostileCase("I07", $"100,000 characters of {text.What}, stored and searched", "202 or 200",
            () => [Post("/v1/messages", Message("content", Quoted(text.Text))), Search(text.Text[..4096])])),
        new("I13", "templates as content are text", "202", () => Post("/v1/messages", Message("content", Quoted("{{x}} {0} %s ${jndi:ldap://x} <%= 7*7 %> #{7*7}")))),
    ];

    private static byte[] Search(string query) => Post("/v1/memory/search", $"{{\"tenant_id\":\"acme\",\"query\":{Quoted(query)}}}");

    /// <summary>What makes tokenizers, stemmers, patterns and date readers go back and forth.</summary>
    private static IEnumerable<(string What, string Text)> LongTexts()
    {
        yield return ("one letter", new string('a', 100_000));
        yield return ("digits", new string('1', 100_000));
        yield return ("almost dates", Repeated("2026-13-"));
        yield return ("apostrophes", Repeated("a'"));
        yield return ("hyphens", Repeated("a-"));
        yield return ("vowels and y", Repeated("aeiouyyings"));
        yield return ("Thai without a space", Repeated("ก"));
        yield return ("Chinese without a space", Repeated("茶我"));
        yield return ("combining marks on one letter", "a" + new string('\u0301', 99_999));
        yield return ("emoji joined by zero width joiners", Repeated("👩\u200d"));
        yield return ("one-letter words", Repeated("a b "));
        yield return ("requests to remember", Repeated("remember remember that my name is "));
        yield return ("dots", Repeated("a."));
        yield return ("addresses", Repeated("a@b."));
    }

    private static string Repeated(string text) => string.Concat(Enumerable.Repeat(text, 100_000 / text.Length));
}
