using System.Buffers.Text;
using System.Text;
using Memoir.Kit.Security;
using Memoir.Tests.Testing;

namespace Memoir.Tests.Kit.Security;

public sealed class SignedTokensTests
{
    private const long Now = 1_768_478_400; // ManualTime's

    private static readonly SignedTokens Ours = new([Encoding.UTF8.GetBytes(Tokens.Secret)], new ManualTime());

    [Fact]
    public void The_token_of_RFC_7515_is_right_until_it_has_expired()
    {
        const string token = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
            + ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
            + ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        var time = new ManualTime();
        var tokens = new SignedTokens([Base64Url.DecodeFromChars("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow")], time);

        time.Set(DateTimeOffset.FromUnixTimeSeconds(1300819379 + 60) - time.GetUtcNow());
        Assert.Equal("joe", tokens.Check(token)?.GetProperty("iss").GetString());
        time.Set(TimeSpan.FromSeconds(1));
        Assert.Null(tokens.Check(token));
    }

    [Theory]
    [InlineData("""{"exp":1768478341}""", true)] // Not yet a minute ago.
    [InlineData("""{"exp":1768478340}""", false)]
    [InlineData("""{"exp":1768482000.5}""", true)]
    [InlineData("""{"exp":1768482000,"nbf":1768478460,"iat":1768478460}""", true)]
    [InlineData("""{"exp":1768482000,"nbf":1768478461}""", false)]
    [InlineData("""{"exp":1768482000,"iat":1768478461}""", false)]
    [InlineData("""{"exp":1768482000,"nbf":"1768478460"}""", false)]
    [InlineData("""{"exp":"1768482000"}""", false)]
    [InlineData("""{"exp":-1}""", false)]
    [InlineData("""{"exp":0}""", false)]
    [InlineData("""{"exp":1e300}""", false)]
    [InlineData("""{"exp":null}""", false)]
    [InlineData("""{}""", false)]
    [InlineData("""{"exp":1768482000,"exp":1768482000}""", false)]
    [InlineData("""{"exp":1768482000,"\u0065xp":1768482000}""", false)]
    [InlineData("""[{"exp":1768482000}]""", false)]
    [InlineData("\"exp\"", false)]
    [InlineData("""{"exp":1768482000,}""", false)]
    [InlineData("""{"exp":1768482000} x""", false)]
    [InlineData("", false)]
    [InlineData("""{"exp":1768482000,"sub":"\udc00"}""", false)]
    [InlineData("""{"exp":1768482000,"\ud800":1}""", false)]
    [InlineData("""{"exp":1768482000,"sub":"\u0000"}""", false)]
    [InlineData("""{"exp":1768482000,"sub":"\ud83d\udc36"}""", true)]
    [InlineData("""{"exp":1768482000,"nbf":0,"iat":0}""", true)]
    public void The_claims_have_to_be_an_object_with_an_end_to_come(string claims, bool isRight)
    {
        Assert.Equal(Now, new ManualTime().GetUtcNow().ToUnixTimeSeconds());
        Assert.Equal(isRight, Ours.Check(Tokens.Signed(claims)) is not null);
    }

    [Theory]
    [InlineData("""{"alg":"HS256"}""", true)]
    [InlineData("""{"alg":"HS256","typ":"jwt","kid":"2026-01:main_key.1"}""", true)]
    [InlineData("""{"alg":"HS256","typ":"at+jwt","cty":"anything"}""", true)]
    [InlineData("""{"alg":"none"}""", false)]
    [InlineData("""{"alg":"\ud800"}""", false)]
    [InlineData("""{"alg":"HS256","\ud800":1}""", false)]
    [InlineData("""{"alg":"hs256"}""", false)]
    [InlineData("""{"alg":"HS384"}""", false)]
    [InlineData("""{"alg":"RS256"}""", false)]
    [InlineData("""{"alg":["HS256"]}""", false)]
    [InlineData("""{"alg":"HS256","alg":"none"}""", false)]
    [InlineData("""{"typ":"JWT"}""", false)]
    [InlineData("""{"alg":"HS256","typ":"refresh+jwt"}""", false)]
    [InlineData("""{"alg":"HS256","typ":7}""", false)]
    [InlineData("""{"alg":"HS256","kid":"../../dev/null"}""", false)]
    [InlineData("""{"alg":"HS256","kid":"' OR 1=1 --"}""", false)]
    [InlineData("""{"alg":"HS256","kid":""}""", false)]
    [InlineData("""{"alg":"HS256","kid":null}""", false)]
    [InlineData("""{"alg":"HS256","crit":["exp"]}""", false)]
    [InlineData("""{"alg":"HS256","b64":false}""", false)]
    [InlineData("""{"alg":"HS256","zip":"DEF"}""", false)]
    [InlineData("""{"alg":"HS256","jku":"https://evil.example/keys"}""", false)]
    [InlineData("""{"alg":"HS256","x5u":"https://evil.example/cert"}""", false)]
    [InlineData("""{"alg":"HS256","jwk":{"kty":"oct","k":"AAAA"}}""", false)]
    [InlineData("""{"alg":"HS256","x5c":["AAAA"]}""", false)]
    [InlineData("""{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":1}}}}}}},"alg":"HS256"}""", true)]
    [InlineData("""{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{}}}}}}}},"alg":"HS256"}""", false)]
    public void The_header_names_the_one_algorithm_and_nothing_that_changes_how_a_token_is_read(string header, bool isRight) =>
        Assert.Equal(isRight, Ours.Check(Tokens.Signed("""{"exp":1768482000}""", header)) is not null);

    [Fact]
    public void A_key_id_of_ten_thousand_characters_and_a_token_beyond_the_bound_are_refused()
    {
        Assert.Null(Ours.Check(Tokens.Signed("""{"exp":1768482000}""", $$"""{"alg":"HS256","kid":"{{new string('k', 129)}}"}""")));
        Assert.NotNull(Ours.Check(Tokens.Signed(Claims(6000))));
        Assert.Null(Ours.Check(Tokens.Signed(Claims(SignedTokens.MaxLength))));

        static string Claims(int length) => $$"""{"exp":1768482000,"pad":"{{new string('x', length)}}"}""";
    }

    [Fact]
    public void Strings_that_are_no_UTF8_are_refused_and_not_read()
    {
        byte[] claims = [.. """{"exp":1768482000,"customer_id":"a"""u8, 0xC3, 0x28, .. "\"}"u8];
        byte[] header = [.. """{"alg":"HS256","typ":"J"""u8, 0xFF, .. "\"}"u8];

        Assert.Null(Ours.Check(Tokens.Signed(Encoding.UTF8.GetBytes(Tokens.Header), claims)));
        Assert.Null(Ours.Check(Tokens.Signed(header, """{"exp":1768482000}"""u8.ToArray())));
    }

    [Fact]
    public void A_token_that_has_expired_is_genuine_and_a_forged_one_is_not()
    {
        var expired = Tokens.Signed("""{"exp":1}""");

        Assert.Null(Ours.Check(expired));
        Assert.True(Ours.IsGenuine(expired));
        Assert.False(Ours.IsGenuine(Tokens.Signed("""{"exp":1}""", secret: Tokens.Secret + "x")));
    }

    [Fact]
    public void Only_one_spelling_of_a_token_is_taken()
    {
        var token = Tokens.Signed("""{"exp":1768482000}""");
        var parts = token.Split('.');
        Assert.NotNull(Ours.Check(token));
        Assert.Equal(43, parts[2].Length); // 32 bytes leave two bits over.

        string[] others =
        [
            token + "=", token + " ", " " + token, token + ".", "." + token, token.Replace('.', ','), parts[0] + "." + parts[1], parts[0] + "." + parts[1] + ".",
            $"{parts[0]}..{parts[2]}", $"{parts[0]}=.{parts[1]}.{parts[2]}", token.Replace(parts[2], parts[2][..^1], StringComparison.Ordinal),
            token[..^1] + NextLetter(token[^1]), // The same bytes, if the bits that are left over did not count.
        ];

        Assert.All(others, other => Assert.Null(Ours.Check(other)));
    }

    [Fact]
    public void A_signature_by_another_secret_or_of_another_token_is_none()
    {
        var parts = Tokens.Signed("""{"exp":1768482000}""").Split('.');
        var others = Tokens.Signed("""{"exp":1768482001}""").Split('.');

        Assert.Null(Ours.Check(Tokens.Signed("""{"exp":1768482000}""", secret: Tokens.Secret + "x")));
        Assert.Null(Ours.Check($"{parts[0]}.{others[1]}.{parts[2]}"));
        Assert.Null(Ours.Check($"{parts[0]}.{parts[1]}.{others[2]}"));
        Assert.Null(new SignedTokens([], new ManualTime()).Check($"{parts[0]}.{parts[1]}.{parts[2]}"));
        Assert.Null(new SignedTokens([], new ManualTime()).Check(Tokens.Signed("""{"exp":1768482000}""", secret: "")));
    }

    private static char NextLetter(char c)
    {
        const string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

        return alphabet[alphabet.IndexOf(c, StringComparison.Ordinal) ^ 1];
    }
}
