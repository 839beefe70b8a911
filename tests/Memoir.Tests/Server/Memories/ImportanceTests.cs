using FsCheck;
using FsCheck.Fluent;
using Memoir.Server.Memories;
using Memoir.Tests.Testing;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Memories;

public sealed class ImportanceTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 15, 12, 0, 0, TimeSpan.Zero);
    private static readonly string[] Roles = ["user", "assistant", "system", "tool"];

    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Theory]
    [InlineData("user", "ok", 0.5)]
    [InlineData("assistant", "ok", 0.35)]
    [InlineData("system", "ok", 0.2)]
    [InlineData("tool", "ok", 0.2)]
    [InlineData(null, "ok", 0.5)]
    [InlineData("user", "", 0.5)]
    [InlineData("user", "where does the train leave", 0.5)]
    [InlineData("user", "it costs about 30 euro", 0.575)]
    [InlineData("user", "they met Anna in town", 0.575)]
    [InlineData("user", "i think my dog barks", 0.56)]
    [InlineData("user", "please remember that for later", 0.59)]
    [InlineData("user", "Please remember my dentist Dr. Weber on 14 May", 0.8)]
    [InlineData("assistant", "Please remember my dentist Dr. Weber on 14 May", 0.65)]
    [InlineData("user", "30", 0.51875)]
    public void The_fixed_part_is_role_and_signals(string? role, string content, double expected) =>
        Assert.Equal(expected, Importance.Base(role, content), 5);

    [Theory]
    [InlineData(0, 1)]
    [InlineData(-10, 1)]
    [InlineData(30, 0.5)]
    [InlineData(60, 0.25)]
    [InlineData(300, 0.0009765625)]
    public void Recency_halves_with_every_half_life(double days, double expected) =>
        Assert.Equal(expected, Importance.Recency(Now.AddDays(-days), Now, halfLifeDays: 30), 9);

    [Fact]
    public void It_is_between_0_and_1_whatever_was_said_when() =>
        Check.QuickThrowOnFailure(Prop.ForAll(Texts(), Ages(), (text, days) =>
            Roles.All(role => Importance.At(Importance.Base(role, text), null, Now.AddDays(-days), Now, 30) is >= 0 and <= 1)));

    [Fact]
    public void It_never_rises_with_age() =>
        Check.QuickThrowOnFailure(Prop.ForAll(Ages(), Ages(), (a, b) =>
            Importance.Recency(Now.AddDays(-Math.Max(a, b)), Now, 30) <= Importance.Recency(Now.AddDays(-Math.Min(a, b)), Now, 30)));

    [Fact]
    public void The_same_words_weigh_most_from_a_user_and_least_from_a_system() =>
        Check.QuickThrowOnFailure(Prop.ForAll(Texts(), text =>
            Importance.Base("user", text) >= Importance.Base("assistant", text)
            && Importance.Base("assistant", text) >= Importance.Base("system", text)
            && Importance.Base("system", text).Equals(Importance.Base("tool", text))));

    [Fact]
    public void An_override_stands_whatever_else_is_true() =>
        Check.QuickThrowOnFailure(Prop.ForAll(Texts(), Ages(), (text, days) =>
            Importance.At(Importance.Base("user", text), 0.37, Now.AddDays(-days), Now, 30).Equals(0.37)));

    [Fact]
    public void Signals_are_between_0_and_1() =>
        Check.QuickThrowOnFailure(Prop.ForAll(Texts(), text => Importance.Signals(text) is >= 0 and <= 1));

    [Theory, MemberData(nameof(Engines))]
    public async Task A_message_loses_importance_as_the_clock_goes_on(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, ("ImportanceHalfLifeDays", "10"));
        var client = server.As("acme");
        var stored = await client.StoreAsync("it costs about 30 euro");
        var url = $"/v1/messages/{stored.Text("id")}";

        server.Time.Advance(TimeSpan.FromDays(10));
        var later = await client.ReadAsync(url);
        var found = (await client.SearchAsync("euro")).Items()[0];

        Assert.Equal(0.775, stored.Number("importance_score"));
        Assert.Equal(0.675, later.Number("importance_score"));
        Assert.Equal(0.675, found.Number("importance"));
        Assert.Equal(stored.Text("updated_at"), later.Text("updated_at"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Recency_counts_from_when_it_was_said(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);

        var stored = await server.As("acme").StoreAsync("ok", ("created_at", "2025-12-16T12:00:00Z"));

        Assert.Equal(0.6, stored.Number("importance_score"));
    }

    private static Arbitrary<string> Texts() => ArbMap.Default.ArbFor<NonNull<string>>().Convert(text => text.Get, NonNull<string>.NewNonNull);

    private static Arbitrary<double> Ages() => Gen.Choose(-1000, 100_000).Select(tenths => tenths / 10.0).ToArbitrary();
}
