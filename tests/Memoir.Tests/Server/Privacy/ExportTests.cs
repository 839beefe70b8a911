using System.IO.Pipelines;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Memoir.Server.Privacy.Exchange;
using Memoir.Tests.Testing;
using Microsoft.Extensions.DependencyInjection;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Privacy;

public sealed class ExportTests
{
    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Theory, MemberData(nameof(Engines))]
    public async Task A_subjects_export_has_all_of_it_and_nobody_else(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await Subject.SpreadAsync(server, memories: 500);

        var lines = await LinesAsync(server, Subject.Export);

        var memories = lines.Where(line => line.Text("line") == "memory").ToList();
        Assert.Equal(501, memories.Count);
        Assert.All(memories, memory => Assert.Equal(Subject.Canary, memory.Text("user_id")));
        Assert.Equal(2, lines.Count(line => line.Text("line") == "version"));
        Assert.DoesNotContain(lines, line => line.GetRawText().Contains("Bob", StringComparison.Ordinal));
        Assert.Equal((501, 2), (lines[^1].GetProperty("memories").GetInt32(), lines[^1].GetProperty("versions").GetInt32()));
        Assert.Equal(
            ["line", "id", "version", "type", "user_id", "conversation_id", "role", "name", "external_id", "key", "content", "value", "metadata", "tags",
                "importance_base", "importance_override", "scope", "source", "source_class", "writer", "channel", "derived_from", "created_at", "stored_at",
                "updated_at", "valid_from", "valid_until", "verified_at", "review_after", "expires_at", "archived_at", "restored_at", "superseded_by",
                "masked", "duplicate_of", "quarantine", "released_at"],
            memories[0].Members());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_version_in_which_the_memory_was_anothers_is_not_in_it(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await Subject.SpreadAsync(server);

        var lines = await LinesAsync(server, "/v1/users/bob/export");

        Assert.Contains(lines, line => line.Text("line") == "memory" && line.Text("external_id") == "handed-over");
        Assert.DoesNotContain(lines, line => line.Text("line") == "version");
    }

    [Fact]
    public async Task The_last_line_has_the_checksum_of_all_before_it()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        await Subject.SpreadAsync(server);

        var text = await server.As("acme").GetStringAsync("/v1/tenants/acme/export", Ct);

        var end = text.LastIndexOf('\n', text.Length - 2) + 1;
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text[..end]))), Parse(text[end..]).Text("sha256"));
    }

    [Fact]
    public async Task One_export_of_a_tenant_at_a_time()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        await Subject.SpreadAsync(server);
        var exports = server.Services.GetRequiredService<ExportService>();
        var first = await exports.BeginAsync(Subject.Acme, null, new("operator", "rest", "r"), Ct);

        var second = await server.As("acme").GetAsync(Subject.Export, Ct);
        var other = await server.As("other").GetAsync("/v1/users/x/export", Ct);
        first.Turn.Dispose();
        var third = await server.As("acme").GetAsync(Subject.Export, Ct);

        await second.RefusedAsync(HttpStatusCode.Conflict, "conflict");
        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK), (other.StatusCode, third.StatusCode));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task An_erasure_ends_an_export_under_way_before_its_receipt(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await Subject.SpreadAsync(server, memories: 300);
        var exports = server.Services.GetRequiredService<ExportService>();
        var export = await exports.BeginAsync(Subject.Acme, Subject.Canary, new("operator", "rest", "r"), Ct);
        var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: 1000, resumeWriterThreshold: 500));
        var writing = WriteAsync(exports, export, pipe.Writer);
        var begun = await pipe.Reader.ReadAsync(Ct); // The rest waits for this reader.
        var sent = begun.Buffer.Length;
        pipe.Reader.AdvanceTo(begun.Buffer.Start);

        await Subject.EraseAsync(server);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => writing);
        var after = await pipe.Reader.ReadAsync(Ct);
        Assert.True(after.Buffer.Length <= sent + (64 * 1024), "more was sent after the receipt");
        Assert.DoesNotContain("\"line\":\"end\"", Encoding.UTF8.GetString(after.Buffer.FirstSpan), StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task An_erasure_by_another_process_is_noticed_with_the_next_portion(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await using var beside = TestApp.StartBeside(server);
        await Subject.SpreadAsync(server);
        var exports = beside.Services.GetRequiredService<ExportService>();
        var export = await exports.BeginAsync(Subject.Acme, Subject.Canary, new("operator", "rest", "r"), Ct);
        await Subject.EraseAsync(server);
        var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: 0));

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => WriteAsync(exports, export, pipe.Writer));

        await pipe.Writer.CompleteAsync();
        var sent = await pipe.Reader.ReadAsync(Ct);
        Assert.DoesNotContain("lighthouse", Encoding.UTF8.GetString(sent.Buffer.IsEmpty ? default : sent.Buffer.FirstSpan), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nothing_is_exported_while_the_subject_is_being_erased()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current, ("ErasureInRequest", "5"));
        await Subject.SpreadAsync(server);
        await (await server.As("acme").DeleteAsync(Subject.Erase, Ct)).JsonAsync(HttpStatusCode.Accepted);

        await (await server.As("acme").GetAsync(Subject.Export, Ct)).RefusedAsync(HttpStatusCode.Conflict, "conflict");
        await (await server.As("acme").GetAsync("/v1/tenants/acme/export", Ct)).RefusedAsync(HttpStatusCode.Conflict, "conflict");
        Assert.Equal(HttpStatusCode.OK, (await server.As("acme").GetAsync("/v1/users/bob/export", Ct)).StatusCode);
    }

    [Fact]
    public async Task Who_writes_exports_nothing()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);

        await (await (await server.MemberAsync("acme", "memory:read", "memory:write")).GetAsync(Subject.Export, Ct)).RefusedAsync(HttpStatusCode.Forbidden, "insufficient-scope");
        await (await (await server.MemberAsync("acme", "admin")).GetAsync("/v1/tenants/acme/export", Ct)).RefusedAsync(HttpStatusCode.Forbidden, "insufficient-scope");
    }

    internal static async Task<JsonElement[]> LinesAsync(TestApp server, string url)
    {
        var answer = await server.As("acme").GetAsync(url, Ct);
        Assert.Equal((HttpStatusCode.OK, "application/x-ndjson"), (answer.StatusCode, answer.Content.Headers.ContentType?.MediaType));
        return [.. (await answer.Content.ReadAsStringAsync(Ct)).TrimEnd('\n').Split('\n').Select(Parse)];
    }

    private static async Task WriteAsync(ExportService exports, Export export, PipeWriter output)
    {
        using var turn = export.Turn;
        await exports.WriteAsync(export, output);
    }
}
