using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Memoir.Kit.Http;
using Memoir.Server.Access;
using Memoir.Tests.Testing;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Access;

/// <summary>Tokens that another service signs for its customers: what they open, and that nothing near one opens anything.</summary>
public sealed class ForeignTokenTests
{
    private const string Right = """{"customer_id":17,"scope":"memory:read:write","exp":1768482000,"sub":"agent@example.com"}""";
    private const string List = "/v1/conversations";
    private const string Content = "The fuse box is behind the stairs.";

    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Theory, MemberData(nameof(Engines))]
    public async Task A_token_acts_in_its_customers_tenant_alone(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, ("JwtSecretKey", Tokens.Secret));
        var body = $$"""{"tenant_id":"17","conversation_id":"c1","role":"user","content":"{{Content}}"}""";
        Assert.True((await With(server, Right).SendAsync("POST", "/v1/messages", body)).IsSuccessStatusCode);

        var sameAsText = await With(server, Right.Replace("17,", "\"17\",", StringComparison.Ordinal)).ReadAsync("/v1/memory/search?query=fuse+box");
        var another = await With(server, Right.Replace("17,", "18,", StringComparison.Ordinal)).ReadAsync("/v1/memory/search?query=fuse+box");

        Assert.Equal(Content, Assert.Single(sameAsText.Items()).GetProperty("content").GetString());
        Assert.Empty(another.Items());
        await (await With(server, Right).SendAsync("POST", "/v1/messages", body.Replace("\"17\"", "\"18\"", StringComparison.Ordinal)))
            .RefusedAsync(HttpStatusCode.Forbidden, "tenant-mismatch");
        await (await With(server, Right).GetAsync(List + "?tenant_id=18", Ct)).RefusedAsync(HttpStatusCode.Forbidden, "tenant-mismatch");

        var audit = await server.As("17").GetStringAsync("/v1/admin/audit?tenant_id=17", Ct);
        Assert.Contains("\"jwt:", audit, StringComparison.Ordinal);
        Assert.DoesNotContain("agent@example.com", audit, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("memory:read:write", true, true)]
    [InlineData("memory:read memory:write", true, true)]
    [InlineData("openid memory:read", true, false)]
    [InlineData("memory:write", false, true)]
    [InlineData("admin memory:admin *", false, false)]
    [InlineData("", false, false)]
    public async Task The_scope_is_what_it_may_do_and_never_administers(string scope, bool reads, bool writes)
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current, ("JwtSecretKey", Tokens.Secret));
        using var client = With(server, Right.Replace("memory:read:write", scope, StringComparison.Ordinal));

        var read = await client.GetAsync(List, Ct);
        var write = await client.SendAsync("POST", "/v1/messages", """{"tenant_id":"17","conversation_id":"c1","role":"user","content":"A."}""");
        var administer = await client.GetAsync("/v1/admin/keys", Ct);

        Assert.Equal(reads ? HttpStatusCode.OK : HttpStatusCode.Forbidden, read.StatusCode);
        Assert.Equal(writes ? HttpStatusCode.Accepted : HttpStatusCode.Forbidden, write.StatusCode);
        await administer.RefusedAsync(HttpStatusCode.Forbidden, "insufficient-scope");
    }

    [Fact]
    public async Task Every_fault_has_the_same_answer()
    {
        await using var server = await TestApp.StartAsync(
            TestEngines.Current, ("JwtSecretKey", Tokens.Secret), ("JwtIssuer", "https://voice.example"), ("JwtAudience", "memoir"));
        const string right = """{"customer_id":17,"scope":"memory:read","exp":1768482000,"iss":"https://voice.example","aud":["other","memoir"]}""";
        string[] wrong =
        [
            Tokens.Signed(right, """{"alg":"none","typ":"JWT"}"""),
            Tokens.Signed(right, """{"alg":"none"}""").Split('.') is [var header, var claims, _] ? $"{header}.{claims}." : "",
            Tokens.Signed(right, """{"alg":"RS256","typ":"JWT"}"""),
            Tokens.Signed(right, secret: "-----BEGIN PUBLIC KEY-----"),
            Tokens.Signed(right, """{"alg":"HS256","kid":"../../dev/null"}"""),
            Tokens.Signed(right, """{"alg":"HS256","jku":"http://127.0.0.1:9/keys"}"""),
            Tokens.Signed(right, """{"alg":"HS256","crit":["x"],"x":1}"""),
            Tokens.Signed(right, """{"alg":"HS256","typ":"id+jwt"}"""),
            .. Changed("\"exp\":1768482000,", ""),
            .. Changed("1768482000", "1768478340"),
            .. Changed("https://voice.example", "https://voice.example/"),
            .. Changed("https://voice.example", "https://Voice.example"),
            .. Changed("[\"other\",\"memoir\"]", "\"other\""),
            .. Changed("[\"other\",\"memoir\"]", "[[\"memoir\"],7]"),
            .. Changed("[\"other\",\"memoir\"]", "{\"memoir\":1}"),
            .. Changed(",\"aud\":[\"other\",\"memoir\"]", ""),
            .. Changed("\"customer_id\":17,", ""),
            .. Changed("17,", "17.0,"),
            .. Changed("17,", "1e1,"),
            .. Changed("17,", "true,"),
            .. Changed("17,", "\"a b\","),
            .. Changed("17,", "\"\","),
            .. Changed("17,", $"\"{new string('a', 129)}\","),
            .. Changed("17,", "17,\"customer_id\":18,"),
            .. Changed("\"memory:read\"", "[\"memory:read\"]"),
            .. Changed("\"scope\":\"memory:read\",", ""),
            Tokens.Signed("{}", """{"alg":"\ud800"}"""),
            Tokens.Signed("{}", """{"alg":"HS256","\ud800":1}""", secret: "x"),
            .. Changed("17,", "\"\\ud800\","),
            .. Changed("\"memory:read\"", "\"memory:read\",\"sub\":\"\\udc00\""),
            Tokens.Signed(right + new string(' ', 100_000)),
            "a.b.c",
            "..",
        ];
        Assert.Equal(HttpStatusCode.OK, (await With(server, right).GetAsync(List, Ct)).StatusCode);

        foreach (var token in wrong)
        {
            using var client = server.CreateClient();
            client.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", "Bearer " + token);
            var answer = await client.GetAsync(List, Ct);

            var refusal = await answer.RefusedAsync(HttpStatusCode.Unauthorized, "invalid-token");
            Assert.Equal("The token is not valid.", refusal.Text("detail"));
            Assert.Equal("realm=\"memoir\", error=\"invalid_token\"", answer.Headers.WwwAuthenticate.Single().Parameter);
        }

        static string[] Changed(string from, string to)
        {
            Assert.Contains(from, right, StringComparison.Ordinal);
            return [Tokens.Signed(right.Replace(from, to, StringComparison.Ordinal))];
        }
    }

    [Fact]
    public async Task What_cannot_be_read_is_no_fault_of_an_open_route_either()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        using var client = server.CreateClient();
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Tokens.Signed("{}", """{"alg":"\ud800"}"""));

        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/health", Ct)).StatusCode);
    }

    [Fact]
    public async Task An_expired_token_blocks_no_address_and_a_forged_one_does()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current, ("JwtSecretKey", Tokens.Secret), ("BlockAfterRefusals", "5"));
        server.CallerAddress = IPAddress.Parse("203.0.113.9");
        var expired = Right.Replace("1768482000", "1768400000", StringComparison.Ordinal);

        for (var i = 0; i < 10; i++)
        {
            await (await With(server, expired).GetAsync(List, Ct)).RefusedAsync(HttpStatusCode.Unauthorized, "invalid-token");
        }

        Assert.Equal(HttpStatusCode.OK, (await With(server, Right).GetAsync(List, Ct)).StatusCode);
        for (var i = 0; i < 10; i++)
        {
            using var client = server.CreateClient();
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Tokens.Signed(Right, secret: "guessed"));
            await client.GetAsync(List, Ct);
        }

        Assert.Equal(HttpStatusCode.TooManyRequests, (await With(server, Right).GetAsync(List, Ct)).StatusCode);
    }

    [Fact]
    public async Task Subjects_of_one_tenant_have_idempotency_keys_of_their_own()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current, ("JwtSecretKey", Tokens.Secret));
        const string body = """{"tenant_id":"17","conversation_id":"c1","role":"user","content":"ok"}""";
        var ids = new List<string?>();
        foreach (var subject in (string[])["\"a\"", "\"b\"", "7", "\"a\""])
        {
            using var client = With(server, Right.Replace("\"agent@example.com\"", subject, StringComparison.Ordinal));
            client.DefaultRequestHeaders.Add("Idempotency-Key", "1");
            ids.Add((await (await client.SendAsync("POST", "/v1/messages", body)).JsonAsync(HttpStatusCode.Accepted)).Text("id"));
        }

        Assert.Equal(3, ids.Distinct().Count());
        Assert.Equal(ids[0], ids[3]);
    }

    [Fact]
    public async Task A_token_in_the_address_or_beside_another_credential_is_refused()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current, ("JwtSecretKey", Tokens.Secret));
        var token = Tokens.Signed(Right);
        using var two = With(server, Right);
        two.DefaultRequestHeaders.Add("x-api-key", TestApp.OperatorKey);
        using var twice = server.CreateClient();
        twice.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", ["Bearer " + token, "Bearer " + token]);
        using var cookie = server.CreateClient();
        cookie.DefaultRequestHeaders.Add("Cookie", "access_token=" + token);

        await (await server.CreateClient().GetAsync(List + "?access_token=" + token, Ct)).RefusedAsync(HttpStatusCode.BadRequest, "invalid-request");
        await (await two.GetAsync(List, Ct)).RefusedAsync(HttpStatusCode.BadRequest, "invalid-request");
        await (await twice.GetAsync(List, Ct)).RefusedAsync(HttpStatusCode.BadRequest, "invalid-request");
        await (await cookie.GetAsync(List, Ct)).RefusedAsync(HttpStatusCode.Unauthorized, "unauthenticated");
    }

    [Fact]
    public async Task Without_a_secret_no_token_is_taken()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);

        foreach (var secret in (string[])["", Tokens.Secret, "JWT_SECRET_KEY"])
        {
            using var client = server.CreateClient();
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Tokens.Signed(Right, secret: secret));
            await (await client.GetAsync(List, Ct)).RefusedAsync(HttpStatusCode.Unauthorized, "invalid-token");
        }
    }

    [Fact]
    public async Task Secrets_overlap_while_one_takes_the_place_of_another()
    {
        const string next = "c4d8a1e07b95f3623f0d9ab1e58c7724d6ef0193";
        foreach (var (setting, opens) in ((string, bool[])[])[(Tokens.Secret, [true, false]), ($"{next}, {Tokens.Secret}", [true, true]), (next, [false, true])])
        {
            await using var server = await TestApp.StartAsync(TestEngines.Current, ("JwtSecretKey", setting));

            Assert.Equal((opens[0], opens[1]), (await OpensAsync(server, Tokens.Secret), await OpensAsync(server, next)));
        }

        static async Task<bool> OpensAsync(TestApp server, string secret)
        {
            using var client = server.CreateClient();
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Tokens.Signed(Right, secret: secret));
            return (await client.GetAsync(List, Ct)).StatusCode is HttpStatusCode.OK;
        }
    }

    [Fact]
    public async Task Of_twenty_thousand_tokens_near_a_right_one_none_is_taken_and_none_is_a_fault()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current, ("JwtSecretKey", Tokens.Secret));
        var authenticator = server.Services.GetRequiredService<Authenticator>();
        var right = Tokens.Signed(Right);
        Assert.NotNull(await IdentifyAsync(right));
        var random = new Random(20_000);
        for (var i = 0; i < 20_000; i++)
        {
            var mutated = Mutate(right, random);
            if (mutated.Trim() == right)
            {
                continue; // White space around a credential is no part of it.
            }

            try
            {
                Assert.True(await IdentifyAsync(mutated) is null, $"number {i}: {mutated}");
            }
            catch (ProblemException refusal)
            {
                Assert.True(refusal.Problem.Status() is 400 or 401, $"number {i}: {refusal.Problem}");
            }
        }

        ValueTask<Caller?> IdentifyAsync(string token)
        {
            var http = new DefaultHttpContext { RequestServices = server.Services };
            http.Request.Headers.Authorization = "Bearer " + token;
            return authenticator.IdentifyAsync(http);
        }
    }

    [Theory]
    [InlineData("short")]
    [InlineData("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
    [InlineData("your-256-bit-secret-your-256-bit-secret")]
    [InlineData("a-string-secret-at-least-256-bits-long")]
    [InlineData("super-secret-jwt-token-with-at-least-32-characters-long")]
    [InlineData("please_CHANGE_this_in_production_01234567")]
    [InlineData("09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7")]
    [InlineData("9f2c41d07b3e5a68c1f4e2d97a0b6c85ffed31aa,weak")]
    public async Task A_secret_that_can_be_guessed_or_looked_up_refuses_the_start(string secret)
    {
        var folder = Directory.CreateTempSubdirectory("memoir-jwt-").FullName;
        var ending = await ServerProcess.RefuseAsync(folder, ("MEMORY_JWT_SECRET_KEY", secret));

        Assert.Equal(78, ending.Code);
        Assert.StartsWith("memoir: JWT_SECRET_KEY: ", Assert.Single(ending.ErrorLines), StringComparison.Ordinal);
        Assert.DoesNotContain(secret, ending.Errors + ending.Output, StringComparison.Ordinal);
        Directory.Delete(folder, recursive: true);
    }

    [Theory]
    [InlineData("MEMORY_SECRET_KEY")]
    [InlineData("MEMORY_API_KEYS")]
    [InlineData("MEMORY_METRICS_TOKEN")]
    public async Task A_secret_that_is_another_key_of_this_installation_refuses_the_start(string other)
    {
        var folder = Directory.CreateTempSubdirectory("memoir-jwt-").FullName;
        var ending = await ServerProcess.RefuseAsync(folder, ("MEMORY_JWT_SECRET_KEY", Tokens.Secret), (other, Tokens.Secret));

        Assert.Equal(78, ending.Code);
        Assert.Contains("also a key of this installation", Assert.Single(ending.ErrorLines), StringComparison.Ordinal);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task The_older_services_variable_sets_the_secret()
    {
        var folder = Directory.CreateTempSubdirectory("memoir-jwt-").FullName;
        var end = TimeProvider.System.GetUtcNow().AddHours(1).ToUnixTimeSeconds();
        await using (var server = await ServerProcess.StartAsync(folder, ("JWT_SECRET_KEY", Tokens.Secret), ("MEMORY_API_KEYS", TestApp.OperatorKey)))
        {
            using var client = server.Client();
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Tokens.Signed($$"""{"customer_id":"acme","scope":"memory:read","exp":{{end}}}"""));

            Assert.Equal(HttpStatusCode.OK, (await client.GetAsync(new Uri(List, UriKind.Relative), Ct)).StatusCode);
        }

        Directory.Delete(folder, recursive: true);
    }

    private static HttpClient With(TestApp server, string claims)
    {
        var client = server.CreateClient();
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Tokens.Signed(claims));
        return client;
    }

    /// <summary>One to three changes: of a character, of the parts, or of what the parts hold, under the signature that was right before.</summary>
    private static string Mutate(string token, Random random)
    {
        const string letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=.+/ \t\"{}é\0";

        var text = new StringBuilder(token);
        for (var changes = random.Next(1, 4); changes > 0; changes--)
        {
            var at = random.Next(text.Length);
            switch (random.Next(8))
            {
                case 0:
                    text[at] = letters[random.Next(letters.Length)];
                    break;
                case 1:
                    text.Insert(at, letters[random.Next(letters.Length)]);
                    break;
                case 2 when text.Length > 1:
                    text.Remove(at, 1);
                    break;
                case 3:
                    text.Length = Math.Max(1, at);
                    break;
                case 4:
                    text.Append(text.ToString(0, random.Next(Math.Min(text.Length, 40))));
                    break;
                case 5 when text.ToString().Split('.') is { Length: 3 } parts:
                    random.Shuffle(parts);
                    text.Clear().AppendJoin('.', parts);
                    break;
                default:
                    Rewrite(text, random);
                    break;
            }
        }

        return text.ToString();
    }

    /// <summary>Changes bytes of the header or of the claims, and spells them properly.</summary>
    private static void Rewrite(StringBuilder text, Random random)
    {
        var parts = text.ToString().Split('.');
        var part = random.Next(2);
        if (parts.Length != 3 || !System.Buffers.Text.Base64Url.IsValid(parts[part]))
        {
            return;
        }

        var bytes = System.Buffers.Text.Base64Url.DecodeFromChars(parts[part]);
        if (bytes.Length > 0)
        {
            bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
        }

        parts[part] = System.Buffers.Text.Base64Url.EncodeToString(bytes);
        text.Clear().AppendJoin('.', parts);
    }
}
