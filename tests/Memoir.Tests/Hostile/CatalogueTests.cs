using System.Globalization;
using Memoir.Tests.Architecture;
using Memoir.Tests.Kit.Security;
using Memoir.Tests.Server.Access;
using Memoir.Tests.Server.Privacy;
using Memoir.Tests.Testing;

namespace Memoir.Tests.Hostile;

/// <summary>Every hostile request of docs/hostile-input.md against the real program over a raw connection.</summary>
public sealed class CatalogueTests(HostileServer server) : IClassFixture<HostileServer>
{
    private static readonly HostileCase[] Cases = [.. FramingCases.All, .. BodyCases.All, .. InjectionCases.All, .. LimitCases.All, .. TenancyCases.All, .. ExposureCases.All];

    /// <summary>Attacks that are no single request, with the tests that make them.</summary>
    private static readonly (string Id, string What, string Test)[] Elsewhere =
    [
        ("H19", "100 pipelined requests with the keys of two tenants", $"{nameof(SeveralRequestsTests)}.{nameof(SeveralRequestsTests.Pipelined_requests_are_answered_in_order_each_for_its_own_tenant)}"),
        ("H22", "spoofed forwarding headers change neither links nor who is local", $"{nameof(SeveralRequestsTests)}.{nameof(SeveralRequestsTests.Forwarding_headers_change_no_link)}"),
        ("H23", "a body that stops", $"{nameof(SeveralRequestsTests)}.{nameof(SeveralRequestsTests.A_body_that_stops_is_cut_off_with_408)}"),
        ("H23", "slow headers, slow bodies, slow readers and half-open connections by the thousand", "tests/faults/run.sh slow"),
        ("Y16", "overrides, zero width and tag characters come back byte for byte", $"{nameof(SeveralRequestsTests)}.{nameof(SeveralRequestsTests.Text_comes_back_byte_for_byte)}"),
        ("Y17", "composed and decomposed letters name two conversations", $"{nameof(SeveralRequestsTests)}.{nameof(SeveralRequestsTests.Ids_are_bytes_and_not_what_they_look_like)}"),
        ("I09", "line ends, escapes and JSON in everything that might be logged", $"{nameof(SeveralRequestsTests)}.{nameof(SeveralRequestsTests.Nothing_that_a_caller_sends_makes_a_log_line)}"),
        ("I12", "names made up by callers add no series to the metrics", $"{nameof(SeveralRequestsTests)}.{nameof(SeveralRequestsTests.No_value_of_a_caller_is_a_label)}"),
        ("L04", "a cursor of another list, tenant or order", $"{nameof(SeveralRequestsTests)}.{nameof(SeveralRequestsTests.A_cursor_continues_its_own_list_alone)}"),
        ("X03", "modes of files, the command line and the log of a server with secrets", $"{nameof(ExposureTests)}.{nameof(ExposureTests.Secrets_are_in_private_files_and_nowhere_else)}"),
        ("X05", "every refusal of this table, without a stack, a statement or the name of a server", nameof(CatalogueTests)),
        ("B05", "origins that look like a listed one: a longer name, its http twin, a subdomain, a port, null", $"{nameof(LimitAttackTests)}.{nameof(LimitAttackTests.Origins_that_only_look_alike_are_not_let_in)}"),
        ("H22", "forwarding headers through a trusted proxy, past it and without one", $"{nameof(LimitAttackTests)}.{nameof(LimitAttackTests.Only_a_trusted_proxy_says_who_calls)}"),
        ("L01", "a tenant beyond its limit by other spellings, methods, hosts, keys and forwarding headers", $"{nameof(LimitAttackTests)}.{nameof(LimitAttackTests.No_spelling_key_or_claim_is_another_bucket)}"),
        ("L01", "guessed keys from one address", $"{nameof(LimitAttackTests)}.{nameof(LimitAttackTests.Guessing_keys_blocks_the_guesser_and_nobody_else)}"),
        ("L03", "3,000 requests beyond the limit, sixteen at a time", $"{nameof(LimitAttackTests)}.{nameof(LimitAttackTests.A_flood_beyond_the_limit_is_told_to_wait_and_others_are_served)}"),
        ("L03", "a flood of refusals as fast as they are answered: what honest callers and the processor notice", "tests/faults/run.sh overload"),
        ("L07", "a million addresses beyond their limits: what counts them stays bounded", "RateLimitTests.A_million_addresses_take_bounded_memory_and_none_gets_more_than_its_limit"),
        ("L05", "a second export of a tenant while one is under way", $"{nameof(ExportTests)}.{nameof(ExportTests.One_export_of_a_tenant_at_a_time)}"),
        ("X07", "an erasure of what is being exported", $"{nameof(ExportTests)}.{nameof(ExportTests.An_erasure_ends_an_export_under_way_before_its_receipt)}"),
        ("Y20", "bad lines, other line ends, empty lines in an import", $"{nameof(ImportExportTests)}.{nameof(ImportExportTests.A_bad_line_is_refused_alone_and_line_ends_and_empty_lines_do_not_matter)}"),
        ("Y20", "a line over the limit in an import", $"{nameof(ImportExportTests)}.{nameof(ImportExportTests.What_is_no_export_is_refused)}"),
        ("W02", "a token by HS256 whose secret is the text of a public key", $"{nameof(ForeignTokenTests)}.{nameof(ForeignTokenTests.Every_fault_has_the_same_answer)}"),
        ("W03", "a token with a kid that is a path, SQL, empty, or long", $"{nameof(SignedTokensTests)}.{nameof(SignedTokensTests.The_header_names_the_one_algorithm_and_nothing_that_changes_how_a_token_is_read)}"),
        ("W04", "a token that brings its key: jku, x5u, jwk, x5c", $"{nameof(SignedTokensTests)}.{nameof(SignedTokensTests.The_header_names_the_one_algorithm_and_nothing_that_changes_how_a_token_is_read)}"),
        ("W06", "a token with another aud, iss or typ", $"{nameof(ForeignTokenTests)}.{nameof(ForeignTokenTests.Every_fault_has_the_same_answer)}"),
        ("W07", "a token with crit, members that stand twice, deep JSON, or of 100 KB", $"{nameof(ForeignTokenTests)}.{nameof(ForeignTokenTests.Every_fault_has_the_same_answer)}"),
        ("W10", "a token of another environment by the same secret", $"{nameof(ForeignTokenTests)}.{nameof(ForeignTokenTests.Every_fault_has_the_same_answer)}"),
        ("W12", "two tokens; a token in the address or in a cookie", $"{nameof(ForeignTokenTests)}.{nameof(ForeignTokenTests.A_token_in_the_address_or_beside_another_credential_is_refused)}"),
        ("W20", "20,000 mutations of a right token", $"{nameof(ForeignTokenTests)}.{nameof(ForeignTokenTests.Of_twenty_thousand_tokens_near_a_right_one_none_is_taken_and_none_is_a_fault)}"),
        ("Z10", "an export by who may only read and write", $"{nameof(ExportTests)}.{nameof(ExportTests.Who_writes_exports_nothing)}"),
        ("L07", "searches in tenants that do not exist leave nothing in memory", $"{nameof(SeveralRequestsTests)}.{nameof(SeveralRequestsTests.Tenants_that_are_made_up_leave_nothing_in_memory)}"),
    ];

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public static TheoryData<string, int> Ids
    {
        get
        {
            var data = new TheoryData<string, int>();
            foreach (var (index, hostile) in Cases.Index())
            {
                data.Add(hostile.ToString(), index);
            }

            return data;
        }
    }

    [Theory, MemberData(nameof(Ids))]
    public async Task The_request_gets_its_answer_and_changes_nothing(string name, int index)
    {
        var hostile = Cases[index];
        var before = await server.StateAsync();

        foreach (var request in hostile.Requests())
        {
            Verify(name, hostile.Expected, await server.SendAsync(request, hostile.Expected.EndsWith("closed", StringComparison.Ordinal) ? int.MaxValue : 1));
        }

        using var client = server.Server.Client();
        Assert.Equal("{\"status\":\"ok\"}", await client.GetStringAsync("/health", Ct));
        Assert.Equal(before, await server.StateAsync());
    }

    [Fact]
    public void The_table_in_the_docs_is_the_truth()
    {
        var rows = Cases.Select(c => $"| {c.Id} | {c.What.Replace("|", "\\|", StringComparison.Ordinal)} | {c.Expected} | |")
            .Concat(Elsewhere.Select(e => $"| {e.Id} | {e.What} | | {e.Test} |"))
            .OrderBy(row => row.Split('|')[1], StringComparer.Ordinal);
        var documented = File.ReadLines(Path.Combine(SourceText.Root, "docs", "hostile-input.md"))
            .SkipWhile(line => line != "| id | what is sent | answer | test |").Skip(2).TakeWhile(line => line.StartsWith('|'));

        var truth = string.Join('\n', rows);
        File.WriteAllText(Path.Combine(AppContext.BaseDirectory, "hostile-input-table.md"), truth); // What to put there when it differs.
        Assert.Equal(truth, string.Join('\n', documented));
    }

    private static void Verify(string name, string expected, RawAnswer answer)
    {
        var seen = string.Join(" / ", answer.Answers.Select(a => $"{a.Status} {a.Body}"));
        Assert.True(answer.Answers.All(a => a.Status != 500), $"{name}: {seen}");

        // X05: whatever goes wrong, nothing tells how the server is made.
        Assert.All(answer.Answers.Where(a => a.Status >= 400), a => Assert.DoesNotMatch(@"\bat Memoir\.|Exception|Npgsql|Sqlite|SELECT .+ FROM|/src/", a.Body));
        Assert.All(answer.Answers, a => Assert.DoesNotContain("\r\nServer:", a.Head, StringComparison.OrdinalIgnoreCase));
        var parts = expected.Split(", ");
        if (parts[0] == "goaway")
        {
            Assert.Equal("\0\0\b\u0007\0\0\0\0\0\0\0\0\0\0\0\0\r"u8, answer.Bytes);
        }
        else
        {
            string[] wanted = [.. parts.Where(part => part != "closed")];
            Assert.True(answer.Answers.Count == wanted.Length, $"{name}: {answer.Answers.Count} answers: {seen}");
            foreach (var (want, got) in wanted.Zip(answer.Answers))
            {
                Assert.True(want.Split(" or ").Any(one => Matches(one, got)), $"{name}: {want} was expected: {seen}");
            }
        }

        Assert.True(answer.IsClosed || !parts.Contains("closed"), $"{name}: the connection is open.");
    }

    /// <summary>A status alone stands for an answer of the HTTP server, which has no body, or for a success.</summary>
    private static bool Matches(string expected, (int Status, string Head, string Body) answer)
    {
        var parts = expected.Split(' ');
        if (answer.Status != int.Parse(parts[0], CultureInfo.InvariantCulture))
        {
            return false;
        }

        return parts.Length == 1 || Wire.Parse(answer.Body).Text("type") == "urn:memoir:problem:" + parts[1];
    }
}
