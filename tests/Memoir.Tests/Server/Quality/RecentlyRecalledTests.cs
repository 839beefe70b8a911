using System.Globalization;
using Memoir.Kit.Data;
using Memoir.Server.Quality.Doubts;
using Memoir.Tests.Testing;

namespace Memoir.Tests.Server.Quality;

/// <summary>What was handed out is known again for a while, within bounds.</summary>
public sealed class RecentlyRecalledTests
{
    private const string Fact = "Ann adopted a brown puppy in April and named her Biscuit after the old family dog.";
    private static readonly Tenant Acme = new("acme");

    private readonly ManualTime _time = new();
    private readonly RecentlyRecalled _recalled;

    public RecentlyRecalledTests()
    {
        _recalled = new RecentlyRecalled(_time);
        _recalled.Add(Acme, 1, 1, Fact);
        _recalled.Add(Acme, 2, 1, "The house in Porto has a green door and a lemon tree in the yard behind the kitchen.");
    }

    [Theory]
    [InlineData(Fact)]
    [InlineData("ANN ADOPTED A BROWN PUPPY IN APRIL AND NAMED HER BISCUIT AFTER THE OLD FAMILY DOG")]
    [InlineData("Ann adopted a brown puppy in April and named her Biscuit")]
    [InlineData("Yes: Ann adopted a brown puppy in April and named her Biscuit after the old family dog.")]
    [InlineData("- Ann adopted a brown puppy in April and named her Biscuit after the old family dog.\n- The house in Porto has a green door and a lemon tree in the yard behind the kitchen.")]
    [InlineData("the house in Porto has a green door and a lemon tree in the yard behind the kitchen")]
    public void What_was_just_handed_out_is_an_echo(string text) => Assert.True(_recalled.IsEchoedBy(Acme, text));

    [Theory]
    [InlineData("Ann adopted a brown puppy.")]
    [InlineData("Biscuit is a lovely name for a puppy, Ann; how old is she now, and does she sleep through the night?")]
    [InlineData("You told me that Ann adopted a brown puppy in April; shall I look for a vet near your flat in the north?")]
    [InlineData("I have booked the table for eight people on Friday evening.")]
    [InlineData("Ann adopted a brown puppy in April and named her Biscuit after the old family cat.")]
    [InlineData("Ann adopted a brown puppy in May and named her Biscuit after the old family dog.")]
    [InlineData("Ann adopted a brown puppy in April and named her Biscuit after the lemon tree in the yard behind the kitchen.")]
    [InlineData("")]
    public void What_goes_on_from_it_is_none(string text) => Assert.False(_recalled.IsEchoedBy(Acme, text));

    [Fact]
    public void It_is_known_of_its_tenant_alone_and_for_a_quarter_of_an_hour()
    {
        Assert.False(_recalled.IsEchoedBy(new Tenant("umbrella"), Fact));
        _time.Advance(RecentlyRecalled.Reach - TimeSpan.FromSeconds(1));
        Assert.True(_recalled.IsEchoedBy(Acme, Fact));
        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.False(_recalled.IsEchoedBy(Acme, Fact));
        _recalled.Add(Acme, 1, 1, Fact);
        Assert.True(_recalled.IsEchoedBy(Acme, Fact));
    }

    [Fact]
    public void The_last_ones_of_a_tenant_are_known_and_a_changed_one_once()
    {
        for (var i = 0; i < RecentlyRecalled.MostOfTenant - 1; i++)
        {
            _recalled.Add(Acme, 10 + i, 1, $"Entry number {i} says something about the day {i} and nothing else.");
        }

        Assert.False(_recalled.IsEchoedBy(Acme, Fact));
        var before = _recalled.Size();
        _recalled.Add(Acme, 10, 2, "Entry number zero says something about the day before and nothing else.");
        Assert.Equal(before.Tenants, _recalled.Size().Tenants);
        Assert.InRange(_recalled.Size().Runs, before.Runs - 10, before.Runs + 10);
    }

    [Fact]
    public void However_much_is_recalled_it_takes_a_bounded_room()
    {
        var text = string.Join(' ', Enumerable.Range(0, 400).Select(word => word.ToString(CultureInfo.InvariantCulture)));
        for (var tenant = 0; tenant < RecentlyRecalled.MostTenants + 50; tenant++)
        {
            for (var item = 0; item < 20; item++)
            {
                _recalled.Add(new Tenant($"t{tenant}"), item, 1, $"{tenant} {item} {text}");
            }
        }

        var (tenants, runs) = _recalled.Size();
        Assert.InRange(tenants, 1, RecentlyRecalled.MostTenants);
        Assert.InRange(runs, 1, 4_000_000);
        Assert.False(_recalled.IsEchoedBy(Acme, Fact)); // It was used least.
    }
}
