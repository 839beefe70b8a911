using Memoir.Kit.Security;

namespace Memoir.Tests.Kit.Security;

/// <summary>Secrets are long, different every time, and kept as fingerprints alone.</summary>
public sealed class SecretsTests
{
    [Fact]
    public void A_random_secret_is_url_safe_and_never_the_same()
    {
        var secrets = Enumerable.Range(0, 1000).Select(_ => Secrets.Random(32)).ToList();

        Assert.Equal(1000, secrets.Distinct().Count());
        Assert.All(secrets, secret => Assert.Matches("^[A-Za-z0-9_-]{43}$", secret));
    }

    [Fact]
    public void A_fingerprint_is_the_sha_256_of_the_text() =>
        Assert.Equal(
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            Convert.ToHexStringLower(Secrets.Hash("abc")));

    [Theory]
    [InlineData("abc", "abc", true)]
    [InlineData("abc", "abd", false)]
    [InlineData("abc", "ab", false)]
    [InlineData("", "", true)]
    public void Secrets_are_compared_whole(string one, string other, bool equal) =>
        Assert.Equal(equal, Secrets.AreEqual(System.Text.Encoding.UTF8.GetBytes(one), System.Text.Encoding.UTF8.GetBytes(other)));
}
