using System.Net;
using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Tests.Testing;
using Microsoft.AspNetCore.Http;

namespace Memoir.Tests.Kit.Http;

/// <summary>Times, cursors, fields and query parameters as the wire spells them.</summary>
public sealed class WireValueTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("2026-01-31T09:30:00Z", "2026-01-31T09:30:00Z")]
    [InlineData("2026-01-31t09:30:00z", "2026-01-31T09:30:00Z")]
    [InlineData("2026-01-31 09:30:00Z", "2026-01-31T09:30:00Z")]
    [InlineData("2026-01-31T09:30:00+02:00", "2026-01-31T07:30:00Z")]
    [InlineData("2026-01-31T09:30:00-00:30", "2026-01-31T10:00:00Z")]
    [InlineData("2026-01-31T09:30:00.5Z", "2026-01-31T09:30:00.500000Z")]
    [InlineData("2026-01-31T09:30:00.1234567Z", "2026-01-31T09:30:00.123456Z")]
    [InlineData("2026-01-31T09:30:00.123456789Z", "2026-01-31T09:30:00.123456Z")]
    [InlineData("2024-02-29T23:59:59.999999Z", "2024-02-29T23:59:59.999999Z")]
    [InlineData("1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z")]
    [InlineData("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z")]
    public void A_time_is_read_with_its_offset_and_written_in_utc(string text, string written)
    {
        var isRead = WireInstant.TryParse(text, out var instant);

        Assert.True(isRead);
        Assert.Equal(written, WireInstant.Format(instant));
        Assert.Equal(instant, Instants.FromMicroseconds(instant.ToMicroseconds()));
    }

    [Theory]
    [InlineData("")]
    [InlineData("2026-01-31")]
    [InlineData("2026-01-31T09:30:00")]
    [InlineData("2026-01-31T09:30Z")]
    [InlineData("2026-02-30T09:30:00Z")]
    [InlineData("2025-02-29T09:30:00Z")]
    [InlineData("2026-13-01T09:30:00Z")]
    [InlineData("2026-01-31T24:00:00Z")]
    [InlineData("2026-01-31T09:60:00Z")]
    [InlineData("2026-01-31T09:30:61Z")]
    [InlineData("2026-01-31T09:30:00+25:00")]
    [InlineData("2026-01-31T09:30:00.Z")]
    [InlineData("2026-01-31T09:30:00,5Z")]
    [InlineData("01/31/2026T09:30:00Z")]
    [InlineData("2026/01/31 09:30:00Z")]
    [InlineData("31.01.2026 09:30:00Z")]
    [InlineData("2026-01-31T9:30:00.00Z")]
    [InlineData("2026-01-31 09:30:00 AMZ")]
    [InlineData("2026-01-31T09:30:00 Z")]
    [InlineData(" 2026-01-31T09:30:00Z")]
    [InlineData("2026-01-31T09:30:00Z ")]
    [InlineData("٢٠٢٦-01-31T09:30:00Z")]
    [InlineData("0000-01-31T09:30:00Z")]
    [InlineData("0001-01-01T00:00:00+14:00")]
    [InlineData("2026-01-31T09:30:00.12345678901234567890Z")]
    public void Anything_else_is_no_time(string text) => Assert.False(WireInstant.TryParse(text, out _));

    [Fact]
    public void A_cursor_continues_the_list_it_was_made_for()
    {
        var cursor = Cursor.Encode("list a", "17", "größer 🍵");

        Assert.Equal(["17", "größer 🍵"], Cursor.Decode(cursor, "list a", values: 2));
    }

    [Theory]
    [InlineData("another list", 2)]
    [InlineData("list a", 3)]
    public void A_cursor_of_another_list_is_refused(string filter, int values)
    {
        var cursor = Cursor.Encode("list a", "17", "x");

        var refusal = Assert.Throws<ProblemException>(() => Cursor.Decode(cursor, filter, values));

        Assert.Equal(Problem.InvalidCursor, refusal.Problem);
    }

    [Theory]
    [InlineData("")]
    [InlineData("x")]
    [InlineData("not base64!")]
    [InlineData("AAAA")]
    [InlineData("__79")]
    [InlineData("====")]
    public void A_cursor_that_is_not_ours_is_refused(string cursor)
    {
        var refusal = Assert.Throws<ProblemException>(() => Cursor.Decode(cursor, "list a", values: 1));

        Assert.Equal(Problem.InvalidCursor, refusal.Problem);
    }

    [Theory]
    [InlineData("/v1/admin/keys", "keys\nacme")]
    [InlineData("/v1/conversations/c/messages", "conversation\nacme\nc\nTrue")]
    public async Task A_forged_cursor_is_refused_and_never_our_fault(string path, string filter)
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var client = server.As("acme");
        string[] values = path.Contains("keys", StringComparison.Ordinal) ? ["no guid"] : ["no number", "neither"];

        using var answer = await client.GetAsync(new Uri($"{path}?cursor={Cursor.Encode(filter, values)}", UriKind.Relative), Ct);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains("invalid-cursor", await answer.Content.ReadAsStringAsync(Ct), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, true)]
    [InlineData("", false)]
    [InlineData("a", true)]
    [InlineData("abc", true)]
    [InlineData("abcd", false)]
    [InlineData("🍵🍵🍵", true)]
    [InlineData("🍵🍵🍵🍵", false)]
    [InlineData("e\u0301e\u0301", false)]
    public void A_length_counts_scalar_values(string? value, bool isFine)
    {
        var checks = new FieldChecks().Length("member", value, 1, 3);

        var refusal = Record.Exception(checks.ThrowIfAny) as ProblemException;

        Assert.Equal(isFine, refusal is null);
        Assert.Equal(isFine ? null : Problem.ValidationFailed, refusal?.Problem);
    }

    [Fact]
    public void A_shortest_length_counts_scalar_values_too()
    {
        var refusal = Assert.Throws<ProblemException>(new FieldChecks().Length("member", "🍵🍵", 3, 9).ThrowIfAny);

        Assert.Equal(["must have 3 to 9 characters, has 2"], refusal.Errors["member"]);
    }

    [Theory]
    [InlineData(double.NaN, false)]
    [InlineData(double.PositiveInfinity, false)]
    [InlineData(-0.0001, false)]
    [InlineData(0.0, true)]
    [InlineData(1.0, true)]
    [InlineData(1.0001, false)]
    public void A_range_includes_its_ends_and_nothing_that_is_no_number(double value, bool isFine) =>
        Assert.Equal(isFine, Record.Exception(new FieldChecks().Range("member", value, 0, 1).ThrowIfAny) is null);

    [Fact]
    public void Everything_wrong_is_told_at_once()
    {
        var checks = new FieldChecks().Length("a", "", 1, 2).OneOf("b", "x", "y", "z").Range("c", 7, 0, 1).Add("a", "is odd");

        var refusal = Assert.Throws<ProblemException>(checks.ThrowIfAny);

        Assert.Equal(["a", "b", "c"], refusal.Errors.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(2, refusal.Errors["a"].Length);
    }

    [Theory]
    [InlineData("?limit=1", 1)]
    [InlineData("?limit=200", 200)]
    [InlineData("?limit=", 50)]
    [InlineData("", 50)]
    public void A_page_has_1_to_200_items_and_50_when_not_said(string query, int limit) =>
        Assert.Equal(limit, Page.From(Request(query), "f", values: 1).Limit);

    [Theory]
    [InlineData("?limit=0", Problem.ValidationFailed)]
    [InlineData("?limit=201", Problem.ValidationFailed)]
    [InlineData("?limit=-1", Problem.ValidationFailed)]
    [InlineData("?limit=1e2", Problem.InvalidRequest)]
    [InlineData("?limit=99999999999999999999", Problem.ValidationFailed)]
    [InlineData("?limit=1&limit=2", Problem.InvalidRequest)]
    [InlineData("?limit=%00", Problem.InvalidRequest)]
    [InlineData("?cursor=xyz", Problem.InvalidCursor)]
    public void A_wrong_page_is_refused(string query, Problem problem) =>
        Assert.Equal(problem, Assert.Throws<ProblemException>(() => Page.From(Request(query), "f", values: 1)).Problem);

    [Theory]
    [InlineData("0.5", true)]
    [InlineData("1e400", false)]
    [InlineData("-1e400", false)]
    [InlineData("NaN", false)]
    [InlineData("Infinity", false)]
    [InlineData("0,5", false)]
    [InlineData("x", false)]
    public void A_number_of_the_query_is_finite(string text, bool isFine) =>
        Assert.Equal(isFine, Record.Exception(() => QueryValues.Number(Request($"?n={text}"), "n")) is null);

    [Theory]
    [InlineData("?t=2026-01-31T09:30:00%2B01:00")]
    [InlineData("?t=2026-01-31T09:30:00+01:00")]
    public void A_plus_sign_of_a_time_may_be_unescaped(string query) =>
        Assert.Equal(new DateTimeOffset(2026, 1, 31, 8, 30, 0, TimeSpan.Zero), QueryValues.Time(Request(query), "t"));

    [Theory]
    [InlineData("true", true)]
    [InlineData("1", true)]
    [InlineData("false", false)]
    [InlineData("0", false)]
    [InlineData("", null)]
    public void A_flag_is_true_or_false(string text, bool? value) => Assert.Equal(value, QueryValues.Flag(Request($"?f={text}"), "f"));

    [Theory]
    [InlineData("TRUE")]
    [InlineData("yes")]
    [InlineData("2")]
    public void Anything_else_is_no_flag(string text) =>
        Assert.Throws<ProblemException>(() => QueryValues.Flag(Request($"?f={text}"), "f"));

    [Fact]
    public void A_misspelt_parameter_is_refused()
    {
        var refusal = Assert.Throws<ProblemException>(() => QueryValues.RefuseUnknown(Request("?tenant_id=a&limti=1"), "tenant_id", "limit"));

        Assert.Contains("limti", refusal.Message, StringComparison.Ordinal);
    }

    private static HttpRequest Request(string query) => new DefaultHttpContext { Request = { QueryString = new QueryString(query) } }.Request;
}
