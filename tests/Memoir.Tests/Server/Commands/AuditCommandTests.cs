using Memoir.Kit.Audit.Chain;
using Memoir.Tests.Testing;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Commands;

/// <summary>memoir audit, as a process, beside a server and without one.</summary>
public sealed class AuditCommandTests : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("memoir").FullName;

    /// <summary>A server has worked here and was stopped, which seals everything and writes the checkpoints.</summary>
    public async ValueTask InitializeAsync()
    {
        await using var server = await ServerProcess.StartAsync(_folder);
        using var client = server.Client();
        for (var i = 0; i < 12; i++)
        {
            await client.StoreAsync($"message {i}");
            await client.StoreAsync($"message {i}", ("tenant_id", "globex"));
        }

        await StopAsync(server);
    }

    public ValueTask DisposeAsync()
    {
        Directory.Delete(_folder, recursive: true);
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task Chains_as_they_were_written_are_a_line_each_and_exit_code_0()
    {
        var ending = await ServerProcess.RunAsync(_folder, "audit", "verify");

        Assert.Equal((0, ""), (ending.Code, ending.Errors));
        Assert.Matches(@"^acme  ok  12 records, 0 unsealed, \d+ checkpoints that vouch to 12\nglobex  ok  12 records, 0 unsealed, \d+ checkpoints that vouch to 12\n$", ending.Output);
    }

    [Fact]
    public async Task A_bad_record_is_named_and_the_exit_code_is_65()
    {
        await RawDatabase.RunAsync(_folder, "globex", "UPDATE audit_records SET actor = 'nobody' WHERE tenant_id = 'globex' AND position = 7");

        var all = await ServerProcess.RunAsync(_folder, "audit", "verify");
        var one = await ServerProcess.RunAsync(_folder, "audit", "verify", "--tenant", "acme");

        Assert.Equal(65, all.Code);
        Assert.Matches(@"(?m)^globex  BAD  first bad position 7 \(record [0-9a-f-]{36}\): changed ", all.Output);
        Assert.Equal(0, one.Code);
        Assert.DoesNotContain("globex", one.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_database_in_use_is_verified_by_its_server()
    {
        await using var server = await ServerProcess.StartAsync(_folder);
        await RawDatabase.RunAsync(_folder, "globex", "DELETE FROM audit_records WHERE tenant_id = 'globex' AND position > 9");

        var ending = await ServerProcess.RunAsync(_folder, "audit", "verify", "--url", server.Address.ToString());
        var lost = await ServerProcess.RunAsync(_folder, "audit", "verify", "--url", "http://127.0.0.1:9");

        Assert.Equal(65, ending.Code);
        Assert.Contains("acme  ok", ending.Output, StringComparison.Ordinal);
        Assert.Contains("globex  BAD  first bad position 10: missing", ending.Output, StringComparison.Ordinal);
        Assert.Equal(69, lost.Code);
    }

    [Fact]
    public async Task Without_checkpoints_it_says_what_it_cannot_find_and_with_a_copy_of_them_it_finds_it()
    {
        var copy = Path.Combine(_folder, "elsewhere.jsonl");
        File.Move(Path.Combine(_folder, CheckpointWriter.FileName), copy);
        await RawDatabase.RunAsync(_folder, "globex", "DELETE FROM audit_records WHERE tenant_id = 'globex' AND position > 9");

        var without = await ServerProcess.RunAsync(_folder, "audit", "verify");
        var with = await ServerProcess.RunAsync(_folder, "audit", "verify", "--checkpoints", copy, "--checkpoints", copy);
        var missing = await ServerProcess.RunAsync(_folder, "audit", "verify", "--checkpoints", copy + ".no");

        Assert.Equal(0, without.Code);
        Assert.Contains("there are no checkpoints", without.Errors, StringComparison.Ordinal);
        Assert.Equal(65, with.Code);
        Assert.Contains("globex  BAD  first bad position 10: missing", with.Output, StringComparison.Ordinal);
        Assert.Equal(66, missing.Code);
    }

    [Fact]
    public async Task A_restore_is_accepted_by_a_command_of_its_own()
    {
        await RawDatabase.RunAsync(_folder, "globex", "DELETE FROM audit_records WHERE tenant_id = 'globex' AND position > 9");
        Assert.Equal(65, (await ServerProcess.RunAsync(_folder, "audit", "verify")).Code);

        var restored = await ServerProcess.RunAsync(_folder, "audit", "restored");

        Assert.Equal((0, "2 chains end on purpose where they end now\n"), (restored.Code, restored.Output));
        Assert.Equal(0, (await ServerProcess.RunAsync(_folder, "audit", "verify")).Code);
    }

    [Theory]
    [InlineData(64, "audit")]
    [InlineData(64, "audit", "burn")]
    [InlineData(64, "audit", "verify", "--tenant", "not a tenant")]
    [InlineData(64, "audit", "restored", "--tenant", "acme")]
    public async Task What_makes_no_sense_is_refused(int code, params string[] arguments)
    {
        var ending = await ServerProcess.RunAsync(_folder, arguments);

        Assert.Equal((code, ""), (ending.Code, ending.Output));
    }

    [Fact]
    public async Task Where_nothing_is_there_is_nothing_to_verify()
    {
        var empty = Directory.CreateTempSubdirectory("memoir").FullName;

        var ending = await ServerProcess.RunAsync(empty, "audit", "verify");

        Assert.Equal(66, ending.Code);
        Directory.Delete(empty, recursive: true);
    }

    private static async Task StopAsync(ServerProcess server)
    {
        server.Terminate();
        Assert.Equal(0, (await server.ExitAsync()).Code);
    }
}
