using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Memoir.Server.Privacy.Erasure;
using Memoir.Tests.Testing;
using Microsoft.Extensions.DependencyInjection;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Privacy;

public sealed class ErasureReceiptTests
{
    [Fact]
    public async Task A_stranger_checks_a_receipt_with_the_public_key_and_the_documented_bytes()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        await Subject.SpreadAsync(server);
        var receipt = await Subject.EraseAsync(server);
        var keys = (await server.As("acme").ReadAsync("/v1/admin/signing-keys")).Items();
        using var key = ECDsa.Create();
        key.ImportFromPem(keys.Single(item => item.Text("key_id") == receipt.Text("key_id")).Text("pem"));
        var signature = Base64Url.DecodeFromChars(receipt.Text("signature"));

        Assert.True(key.VerifyData(BytesOf(receipt), signature, HashAlgorithmName.SHA256));
        Assert.False(key.VerifyData(BytesOf(receipt, ("tenant_id", "\"other\"")), signature, HashAlgorithmName.SHA256));
        Assert.False(key.VerifyData(BytesOf(receipt, ("subject", $"\"{new string('0', 64)}\"")), signature, HashAlgorithmName.SHA256));
        Assert.False(key.VerifyData(BytesOf(receipt, ("completed_at", "\"2020-01-01T00:00:00Z\"")), signature, HashAlgorithmName.SHA256));
    }

    [Fact]
    public async Task A_receipt_names_who_asked_and_the_deadline_and_not_the_subject()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        await Subject.SpreadAsync(server);

        var receipt = await Subject.EraseAsync(server);

        Assert.Equal("acme", receipt.Text("tenant_id"));
        Assert.StartsWith("operator", receipt.Text("actor"), StringComparison.Ordinal);
        Assert.Matches("^[0-9a-f]{64}$", receipt.Text("subject"));
        Assert.NotEqual(Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Subject.Canary))), receipt.Text("subject")); // A guess could be tried.
        Assert.Equal(receipt.GetProperty("completed_at").GetDateTimeOffset() + TimeSpan.FromHours(24), receipt.GetProperty("files_clean_by").GetDateTimeOffset());
    }

    [Fact]
    public async Task Where_the_files_are_left_to_the_operator_no_deadline_is_stated()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current, ("ErasureRewriteHours", "0"));
        await Subject.SpreadAsync(server);

        Assert.Equal(JsonValueKind.Null, (await Subject.EraseAsync(server)).GetProperty("files_clean_by").ValueKind);
    }

    [Fact]
    public async Task A_tenants_erasure_has_a_receipt_too()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        await Subject.SpreadAsync(server);

        await server.WithKey(TestApp.OperatorKey).DeleteAsync("/v1/tenants/acme/data", Ct);

        var receipt = (await server.As("acme").ReadAsync("/v1/erasures")).Items().Single().GetProperty("receipt");
        Assert.Equal(("*", true, 26), (receipt.Text("subject"), receipt.GetProperty("whole_tenant").GetBoolean(), receipt.GetProperty("erased").GetProperty("memories").GetInt32()));
    }

    [Fact]
    public async Task The_list_has_pages()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        for (var i = 0; i < 5; i++)
        {
            await server.As("acme").StoreAsync("one more", ("user_id", $"u{i}"));
            await (await server.As("acme").DeleteAsync($"/v1/users/u{i}/data", Ct)).JsonAsync(System.Net.HttpStatusCode.OK);
            server.Time.Advance(TimeSpan.FromSeconds(1));
        }

        var first = await server.As("acme").ReadAsync("/v1/erasures?limit=3");
        var second = await server.As("acme").ReadAsync($"/v1/erasures?limit=3&cursor={first.Text("next_cursor")}");

        Assert.Equal((3, 2, JsonValueKind.Null), (first.Items().Length, second.Items().Length, second.GetProperty("next_cursor").ValueKind));
        Assert.Empty(first.Each("id").Intersect(second.Each("id")));
    }

    [Fact]
    public async Task The_ledger_has_a_line_that_lasts_and_reads_past_one_that_was_cut_short()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        await Subject.SpreadAsync(server);
        var receipt = await Subject.EraseAsync(server);
        var path = server.Services.GetRequiredService<ErasureLedger>().Path;
        await File.AppendAllTextAsync(path, "{\"id\":\"01", Ct);
        await server.As("acme").StoreAsync("x", ("user_id", "bob"));
        await server.As("acme").DeleteAsync("/v1/users/bob/data", Ct);

        var tombstones = await ErasureLedger.ReadAsync(path, Ct);

        Assert.Equal(2, tombstones.Count);
        Assert.Equal((receipt.Text("subject"), receipt.Text("signature")), (tombstones[0].Subject, tombstones[0].Receipt?.Signature));
        Assert.DoesNotContain(Subject.Canary, await File.ReadAllTextAsync(path, Ct), StringComparison.Ordinal);
        Assert.True(OperatingSystem.IsWindows() || File.GetUnixFileMode(path) == (UnixFileMode.UserRead | UnixFileMode.UserWrite));
        Assert.Empty(await ErasureLedger.ReadAsync(path + ".no", Ct));
    }

    /// <summary>As docs/privacy.md says, from the receipt alone.</summary>
    private static byte[] BytesOf(JsonElement receipt, params (string Name, string Json)[] changed)
    {
        var members = receipt.EnumerateObject().ToDictionary(member => member.Name, member => member.Value);
        foreach (var (name, json) in changed)
        {
            members[name] = Parse(json);
        }

        string Text(string name) => members[name].ValueKind switch
        {
            JsonValueKind.String => members[name].GetString()!,
            JsonValueKind.Null => "",
            _ => members[name].GetRawText(),
        };

        var lines = new List<string> { "memoir-erasure-receipt 1" };
        lines.AddRange(((string[])["id", "tenant_id", "subject", "whole_tenant"]).Select(name => $"{name}={Text(name)}"));
        lines.AddRange(members["erased"].EnumerateObject().OrderBy(item => item.Name, StringComparer.Ordinal).Select(item => $"erased.{item.Name}={item.Value.GetRawText()}"));
        lines.AddRange(((string[])["requested_at", "completed_at", "files_clean_by", "actor", "request_id", "key_id"]).Select(name => $"{name}={Text(name)}"));
        return [.. "erasure-receipt"u8, 0, .. Encoding.UTF8.GetBytes(string.Concat(lines.Select(line => line + "\n")))];
    }

    [Fact]
    public async Task Erasing_a_tenant_counts_its_keys_and_records_who_revoked_them()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        await server.As("acme").StoreAsync("something");
        await server.MakeKeyAsync("acme", "memory:read");
        await server.MakeKeyAsync("acme", "memory:read");

        (await server.WithKey(TestApp.OperatorKey).DeleteAsync("/v1/tenants/acme/data", Ct)).EnsureSuccessStatusCode();

        var receipt = Assert.Single((await server.As("acme").ReadAsync("/v1/erasures")).Items()).GetProperty("receipt");
        Assert.Equal((2, 1), (receipt.GetProperty("erased").GetProperty("api_keys").GetInt32(), receipt.GetProperty("erased").GetProperty("memories").GetInt32()));
        var revoked = Assert.Single((await server.As("acme").ReadAsync("/v1/admin/audit?action=key.revoke")).Items());
        Assert.Equal(2, revoked.GetProperty("count").GetInt32());
    }

    [Fact]
    public async Task What_cannot_be_noted_beside_the_database_is_not_acknowledged_and_is_noted_when_it_is_asked_again()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        await Subject.SpreadAsync(server);
        var notes = Path.Combine(server.Folder, "erasures.jsonl");
        Directory.CreateDirectory(notes);

        await (await server.As("acme").DeleteAsync(Subject.Erase, Ct)).RefusedAsync(HttpStatusCode.ServiceUnavailable, "storage-unavailable");
        Directory.Delete(notes);
        await (await server.As("acme").DeleteAsync(Subject.Erase, Ct)).JsonAsync(HttpStatusCode.OK);
        File.Delete(notes);
        await (await server.As("acme").DeleteAsync(Subject.Erase, Ct)).JsonAsync(HttpStatusCode.OK);

        var noted = await File.ReadAllTextAsync(notes, Ct);
        Assert.NotEmpty(noted);
        await (await server.As("acme").DeleteAsync(Subject.Erase, Ct)).JsonAsync(HttpStatusCode.OK);
        Assert.Equal(noted, await File.ReadAllTextAsync(notes, Ct)); // Asking again and again fills no disk.
    }

    [Fact]
    public async Task Asking_again_after_a_search_of_the_subject_was_recorded_erases_that_too()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        await Subject.SpreadAsync(server);
        var first = await (await server.As("acme").DeleteAsync(Subject.Erase, Ct)).JsonAsync(HttpStatusCode.OK);
        server.Time.Advance(TimeSpan.FromMinutes(2));
        await server.As("acme").SearchAsync("where is she", ("user_id", Subject.Canary));
        await server.WriteSearchesAsync();

        var second = await (await server.As("acme").DeleteAsync(Subject.Erase, Ct)).JsonAsync(HttpStatusCode.OK);
        var third = await (await server.As("acme").DeleteAsync(Subject.Erase, Ct)).JsonAsync(HttpStatusCode.OK);

        Assert.NotEqual(first.Text("id"), second.Text("id"));
        Assert.Equal(1, second.GetProperty("erased").GetProperty("searches").GetInt32());
        Assert.Equal(second.Text("id"), third.Text("id"));
    }
}
