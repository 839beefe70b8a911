using Memoir.Server.Quality.Detection;

namespace Memoir.Tests.Server.Quality.Detection;

/// <summary>What is found in texts, and what is not: exact on every line.</summary>
public sealed class SensitiveTextTests
{
    [Fact]
    public void In_every_line_exactly_what_it_says_is_found()
    {
        var lines = Lines(SensitiveLines.All);
        var wrong =
            from line in lines
            let told = Read(line)
            let expected = told.Expected
            let text = told.Text
            let found = string.Join(", ", SensitiveText.Find(text).Select(finding => $"{finding.Kind.Name()} {text.Substring(finding.Start, finding.Length)}"))
            where found != expected
            select $"{text}\n  expected: {expected}\n  found:    {found}";

        Assert.True(lines.Count >= 120);
        Assert.Empty(wrong);
        Assert.All(Enum.GetValues<SensitiveKind>().Except([SensitiveKind.PrivateKey]), kind => Assert.Contains($"⟦{kind.Name()}|", SensitiveLines.All, StringComparison.Ordinal));
    }

    [Fact]
    public void In_ordinary_lines_nothing_is_found()
    {
        var lines = Lines(OrdinaryLines.All);
        var wrong =
            from line in lines
            let found = SensitiveText.Find(line)
            where found.Count > 0
            select $"{line}\n  found: {string.Join(", ", found.Select(finding => $"{finding.Kind.Name()} {line.Substring(finding.Start, finding.Length)}"))}";

        Assert.True(lines.Count >= 200);
        Assert.Empty(wrong);
        Assert.Empty(SensitiveText.Find(string.Join('\n', lines)));
    }

    [Fact]
    public void The_same_is_found_in_the_midst_of_other_text_and_nothing_of_what_was_masked()
    {
        var whole = string.Join("\n", Lines(SensitiveLines.All).Select(line => Read(line).Text));
        var findings = SensitiveText.Find(whole);
        var masked = SensitiveText.Mask(whole, findings);

        Assert.Equal(Lines(SensitiveLines.All).Sum(line => line.Split('⟦').Length - 1), findings.Count);
        Assert.Empty(SensitiveText.Find(masked));
        Assert.Equal(findings.Count, masked.Split("[masked:").Length - 1);
    }

    [Theory]
    [InlineData("-----BEGIN PRIVATE KEY-----\n{0}\n{0}\nab==\n-----END PRIVATE KEY-----")]
    [InlineData("-----BEGIN RSA PRIVATE KEY-----\r\nProc-Type: 4,ENCRYPTED\r\nDEK-Info: AES-128-CBC,0123456789ABCDEF\r\n\r\n{0}\r\n-----END RSA PRIVATE KEY-----")]
    [InlineData("-----BEGIN OPENSSH PRIVATE KEY-----\n{0}\n-----END OPENSSH PRIVATE KEY-----")]
    [InlineData("-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: 2\n\n{0}\n=aB3d\n-----END PGP PRIVATE KEY BLOCK-----")]
    [InlineData("-----BEGIN EC PRIVATE KEY-----\\n{0}\\n-----END EC PRIVATE KEY-----")]
    [InlineData("-----BEGIN PRIVATE KEY-----\n{0}\n{0}")]
    public void A_private_key_is_found_as_a_whole(string form)
    {
        var key = string.Format(null, form, "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj");

        var finding = Assert.Single(SensitiveText.Find($"here: {key} and more words of mine"));

        Assert.Equal(new Finding(SensitiveKind.PrivateKey, 6, key.Length), finding);
    }

    [Fact]
    public void Each_of_several_keys_is_found()
    {
        const string key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj\n-----END PRIVATE KEY-----";

        Assert.Equal([0, key.Length + 1], SensitiveText.Find($"{key}\n{key}").Select(finding => finding.Start));
    }

    [Theory]
    [InlineData("password", "hunter2", true)]
    [InlineData("wifi_password", "sunflower", true)]
    [InlineData("password", "p@ss.word", true)]
    [InlineData("Password", "required", false)]
    [InlineData("password_hint", "hunter2", false)]
    [InlineData("apiKey", "Zx81Qy72Wv63", true)]
    [InlineData("api_key", "production", false)]
    [InlineData("token", "abc123def456", true)]
    [InlineData("tokens", "abc123def456", false)]
    [InlineData("note", "abc123def456", false)]
    [InlineData("secret", "we have a dog since 2019", false)]
    [InlineData("Authorization", "Bearer 2YotnFZFEjr1zCsicMWpAA", true)]
    public void A_name_makes_a_secret_of_what_it_was_given(string name, string value, bool isSecret) =>
        Assert.Equal(isSecret ? [new Finding(SensitiveKind.AssignedSecret, 0, value.Length)] : [], SensitiveText.Find(name, value));

    [Fact]
    public void What_is_found_is_replaced_by_its_kind()
    {
        const string text = "I am jo@example.com, my password is hunter2.";

        Assert.Equal("I am [masked:email], my password is [masked:assigned_secret].", SensitiveText.Mask(text, SensitiveText.Find(text)));
        Assert.Same(text, SensitiveText.Mask(text, []));
        Assert.Empty(SensitiveText.Find(""));
    }

    [Theory]
    [InlineData("authorization")]
    [InlineData("authorization-")]
    [InlineData("authorization.")]
    [InlineData("token_")]
    [InlineData("password")]
    [InlineData("+")]
    [InlineData("eyJ-")]
    public void A_mark_within_a_word_that_does_not_end_is_none(string mark) =>
        Assert.Empty(SensitiveText.Find(string.Concat(Enumerable.Repeat(mark, 7_692)) + "1"));

    [Theory]
    [InlineData("Authorization: Bearer ")]
    [InlineData("Authorization: ")]
    [InlineData("token=")]
    [InlineData("password: ")]
    public void However_long_a_secret_is_it_is_found_to_its_end(string before)
    {
        var text = $"{before}{string.Concat(Enumerable.Repeat("a1B2c3D4", 12_000))} and more";

        var finding = Assert.Single(SensitiveText.Find(text));

        Assert.Equal((before.Length, 96_000), (finding.Start, finding.Length));
    }

    [Fact]
    public void A_secret_counts_more_than_what_else_stands_in_its_place()
    {
        const string text = "https://jo:pass.word@mail.example.com/x";

        Assert.Equal([SensitiveKind.UrlPassword], SensitiveText.Find(text).Select(finding => finding.Kind));
    }

    private static List<string> Lines(string all) => [.. all.Replace("·", "", StringComparison.Ordinal).Split('\n').Select(line => line.TrimEnd('\r'))];

    /// <summary>What a line says is found in it, and the line without saying so.</summary>
    private static (string Expected, string Text) Read(string line)
    {
        var expected = new List<string>();
        var rest = new System.Text.StringBuilder();
        for (var at = 0; at < line.Length;)
        {
            var open = line.IndexOf('⟦', at);
            if (open < 0)
            {
                rest.Append(line, at, line.Length - at);
                break;
            }

            var bar = line.IndexOf('|', open);
            var close = line.IndexOf('⟧', bar);
            rest.Append(line, at, open - at).Append(line, bar + 1, close - bar - 1);
            expected.Add($"{line[(open + 1)..bar]} {line[(bar + 1)..close]}");
            at = close + 1;
        }

        return (string.Join(", ", expected), rest.ToString());
    }
}
