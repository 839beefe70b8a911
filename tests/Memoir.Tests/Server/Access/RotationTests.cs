using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Memoir.Kit.Security;
using Memoir.Tests.Testing;
using Microsoft.Extensions.DependencyInjection;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Access;

/// <summary>The steps of docs/runbook.md: at each of them whoever was let in before is let in still.</summary>
public sealed class RotationTests : IDisposable
{
    private const string Old = "the-old-secret-of-this-installation-0123456789";
    private const string New = "quite-another-secret-that-is-new-9876543210-xyz";

    private static readonly byte[] Data = Encoding.UTF8.GetBytes("a checkpoint");

    private readonly string _folder = Directory.CreateTempSubdirectory("memoir").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Operator_keys_overlap()
    {
        string member;
        await using (var before = await TestApp.StartInAsync(_folder, ("ApiKeys", Old)))
        {
            member = (await (await before.WithKey(Old).SendAsync("POST", "/v1/admin/keys", """{"tenant_id":"acme","name":"app"}""")).JsonAsync(HttpStatusCode.Created)).Text("key")!;
        }

        await using (var both = await TestApp.StartInAsync(_folder, ("ApiKeys", $"{Old},{New}")))
        {
            Assert.Equal([HttpStatusCode.OK, HttpStatusCode.OK, HttpStatusCode.OK], [await ListAsync(both, Old), await ListAsync(both, New), await ListAsync(both, member)]);
        }

        await using var after = await TestApp.StartInAsync(_folder, ("ApiKeys", New));
        Assert.Equal([HttpStatusCode.Unauthorized, HttpStatusCode.OK, HttpStatusCode.OK], [await ListAsync(after, Old), await ListAsync(after, New), await ListAsync(after, member)]);
    }

    [Fact]
    public async Task Tokens_for_metrics_overlap()
    {
        foreach (var (setting, opens) in ((string, bool[])[])[(Old, [true, false]), ($"{Old},{New}", [true, true]), (New, [false, true])])
        {
            await using var server = await TestApp.StartInAsync(_folder, ("MetricsToken", setting));
            server.CallerAddress = IPAddress.Parse("203.0.113.9");

            Assert.Equal((opens[0], opens[1]), (await ScrapeAsync(server, Old), await ScrapeAsync(server, New)));
        }
    }

    [Fact]
    public async Task One_of_several_tokens_that_could_be_guessed_stops_the_start()
    {
        var ending = await ServerProcess.RefuseAsync(_folder, ("MEMORY_METRICS_TOKEN", $"{Old},short"));

        Assert.Equal(78, ending.Code);
        Assert.Contains("MEMORY_METRICS_TOKEN", Assert.Single(ending.ErrorLines), StringComparison.Ordinal);
        Assert.DoesNotContain(Old, ending.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Several_processes_know_each_others_signatures_at_every_step()
    {
        InstanceKeys[] steps = [new([Old]), new([Old, New]), new([New, Old])];

        for (var step = 0; step + 1 < steps.Length; step++)
        {
            // While one process is restarted after the other, the two sides of a step check each other.
            Assert.True(steps[step].Verify("test", Data, steps[step + 1].Sign("test", Data)));
            Assert.True(steps[step + 1].Verify("test", Data, steps[step].Sign("test", Data)));
        }

        // Why the step between is there.
        Assert.False(steps[0].Verify("test", Data, steps[2].Sign("test", Data)));
        Assert.True(steps[2].Verify("test", Data, steps[0].Sign("test", Data)));
        Assert.Equal(steps[0].Derive("backup", null), steps[2].Derive("backup", steps[0].KeyId));
    }

    [Fact]
    public async Task A_line_before_the_old_one_in_the_file_signs_and_the_old_one_checks()
    {
        Signature signature;
        await using (var before = await TestApp.StartInAsync(_folder))
        {
            signature = before.Services.GetRequiredService<InstanceKeys>().Sign("test", Data);
        }

        var file = Path.Combine(_folder, InstanceKeys.FileName);
        await File.WriteAllTextAsync(file, New + "\n" + await File.ReadAllTextAsync(file, Ct), Ct);

        await using var after = await TestApp.StartInAsync(_folder);
        var keys = after.Services.GetRequiredService<InstanceKeys>();
        Assert.True(keys.Verify("test", Data, signature));
        Assert.NotEqual(signature.KeyId, keys.KeyId);
        Assert.Equal(new InstanceKeys([New]).KeyId, keys.Sign("test", Data).KeyId);
    }

    private static async Task<HttpStatusCode> ListAsync(TestApp server, string key) => (await server.WithKey(key).GetAsync("/v1/conversations", Ct)).StatusCode;

    private static async Task<bool> ScrapeAsync(TestApp server, string token)
    {
        var client = server.CreateClient();
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return (await client.GetAsync("/metrics", Ct)).StatusCode == HttpStatusCode.OK;
    }
}
