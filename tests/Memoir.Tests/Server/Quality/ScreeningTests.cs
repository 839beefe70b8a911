using System.Text.Json;
using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Server.Memories;
using Memoir.Server.Quality;
using static Memoir.Tests.Server.Quality.Secrets;

namespace Memoir.Tests.Server.Quality;

/// <summary>What becomes of one thing that is to be stored.</summary>
public sealed class ScreeningTests
{
    private const string Masked = "[masked:assigned_secret]";

    [Theory]
    [InlineData("""{"key":"wifi_password","value":{"value":"swordfish"},"content":"wifi password: swordfish"}""")]
    [InlineData("""{"content":"wifi password: swordfish","value":{"value":"swordfish"},"key":"wifi_password"}""")]
    public void A_version_is_read_under_its_own_key(string snapshot)
    {
        var screening = Screening();

        var said = JsonDocument.Parse(screening.Snapshot(snapshot)).RootElement;

        Assert.Equal(("wifi_password", $"wifi password: {Masked}"), (said.GetProperty("key").GetString(), said.GetProperty("content").GetString()));
        Assert.Equal($$"""{"value":"{{Masked}}"}""", said.GetProperty("value").GetRawText());
        Assert.False(screening.IsClean);
    }

    [Theory]
    [InlineData("""{"key":"wifi_password","value":"swordfish","content":"wifi password: swordfish"}""")]
    [InlineData("""{"key":"wifi_password","value":["swordfish"],"content":"wifi password: swordfish"}""")]
    [InlineData("""{"name":{"password":"swordfish"},"content":"x"}""")]
    [InlineData("""{"key":[{"password":"swordfish"}],"content":"x"}""")]
    [InlineData("""{"key":{"password":"swordfish"},"value":{"a":1},"content":"x"}""")]
    public void A_version_that_has_anything_anywhere_keeps_no_secret_in_it(string snapshot) =>
        Assert.DoesNotContain("swordfish", Screening().Snapshot(snapshot), StringComparison.Ordinal);

    [Theory]
    [InlineData("""{"type":"fact","key":"wifi_password","value":{"year":2.50},"content":"wifi password: year 2.50","name":"jo@example.com"}""")]
    [InlineData("""{"role":"user","content":"hello","source":null}""")]
    public void A_version_with_nothing_in_it_stays_as_it_is_spelled(string snapshot)
    {
        var screening = Screening();

        Assert.Same(snapshot, screening.Snapshot(snapshot));
        Assert.True(screening.IsClean);
    }

    [Fact]
    public void A_masked_value_that_says_too_much_is_refused_and_its_words_go_nowhere()
    {
        var value = $$"""{"password":[{{string.Join(',', Enumerable.Repeat("\"a1b2\"", 3_000))}}]}""";
        var words = "k: password " + string.Join(" and ", Enumerable.Repeat("a1b2", 3_000));
        var item = new NewMemory { Type = "fact", Key = "k", Content = words, Value = value, Metadata = new Json("{}") };
        var screening = Screening();

        var screened = Intake.Screened(item, screening);
        var refusal = Assert.Throws<ProblemException>(screening.ThrowIfRefused);

        Assert.DoesNotContain("a1b2", screened.Content, StringComparison.Ordinal);
        Assert.Equal(["value"], refusal.Errors.Keys);
        Assert.Equal("would say more than 65536 characters once what is sensitive in it is masked", refusal.Errors["value"][0]);
    }

    [Fact]
    public void A_version_whose_masked_value_says_too_much_is_refused()
    {
        var screening = Screening();

        screening.Snapshot($$"""{"key":"k","content":"x","value":{"password":[{{string.Join(',', Enumerable.Repeat("\"a1b2\"", 3_000))}}]} }""");

        Assert.Throws<ProblemException>(screening.ThrowIfRefused);
    }

    [Fact]
    public void Only_a_scalar_id_of_what_stands_in_a_list_is_kept()
    {
        var document = $$"""{"id":"{{Github}}","tasks":[{"id":"{{Email}}","of":{"id":"{{Email}}"} },{"id":{"password":"{{Password}}"},"items":[[{"id":7}]]}]}""";

        Assert.Equal(
            $$$"""{"id":"[masked:github_token]","tasks":[{"id":"{{{Email}}}","of":{"id":"[masked:email]"}},{"id":{"password":"{{{Masked}}}"},"items":[[{"id":7}]]}]}""",
            Screening().Document(document, known: null));
    }

    [Fact]
    public void A_secret_in_an_id_that_is_kept_is_refused_unless_it_was_there()
    {
        var document = $$"""{"tasks":[{"id":"{{Github}}","title":"a"}]}""";
        var (screening, known, keeping) = (Screening(), Screening(), new Screening(new SensitivePolicy("keep", "refuse")));

        screening.Document(document, known: null);
        known.Document(document, document);
        keeping.Document(document, known: null);

        var refusal = Assert.Throws<ProblemException>(screening.ThrowIfRefused);
        Assert.Equal("has an id that contains a secret (github_token); ids are not masked", refusal.Errors["document"][0]);
        known.ThrowIfRefused();
        keeping.ThrowIfRefused();
    }

    [Fact]
    public void An_id_with_personal_data_is_refused_where_that_is()
    {
        var screening = new Screening(new SensitivePolicy("mask", "refuse"));

        screening.Document($$"""{"tasks":[{"id":"{{Email}}"}]}""", known: null);

        Assert.Throws<ProblemException>(screening.ThrowIfRefused);
    }

    [Fact]
    public void What_was_known_under_one_name_is_a_secret_under_another()
    {
        const string known = """{"note":"hunter2x","profile":{"password":"hunter3x"},"list":["a"]}""";

        Assert.Equal(
            $$$"""{"note":"hunter2x","password":"{{{Masked}}}","other":{"password":"hunter3x"}}""",
            Screening().Document("""{"note":"hunter2x","password":"hunter2x","other":{"password":"hunter3x"}}""", known));
        Assert.Same(known, Screening().Document(known, known));
    }

    private static Screening Screening() => new(SensitivePolicy.MaskAll);
}
