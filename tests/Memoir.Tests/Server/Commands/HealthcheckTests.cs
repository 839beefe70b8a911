using Memoir.Tests.Testing;

namespace Memoir.Tests.Server.Commands;

public sealed class HealthcheckTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("memoir").FullName;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("127.0.0.1", "alive")]
    [InlineData("0.0.0.0", "alive")]
    [InlineData("0.0.0.0", "ready", "--ready")]
    public async Task A_server_that_answers_is_well(string host, string says, params string[] options)
    {
        await using var server = await ServerProcess.StartAsync(_folder, ("MEMORY_API_KEYS", "k3y-of-an-operator-5f1c9a7e"));

        var ending = await ServerProcess.RunAsync(
            _folder, [("MEMORY_HOST", host), ("MEMORY_PORT", $"{server.Address.Port}")], ["healthcheck", .. options]);

        Assert.Equal((0, $"{says}\n", ""), (ending.Code, ending.Output, ending.Errors));
    }

    [Theory]
    [InlineData]
    [InlineData("--ready")]
    public async Task A_server_that_is_gone_is_69_and_one_line(params string[] options)
    {
        var server = await ServerProcess.StartAsync(_folder);
        var port = $"{server.Address.Port}";
        await server.DisposeAsync();

        var ending = await ServerProcess.RunAsync(_folder, [("MEMORY_PORT", port)], ["healthcheck", .. options]);

        Assert.Equal((69, ""), (ending.Code, ending.Output));
        Assert.Equal($"memoir: healthcheck: no Memoir answers at http://127.0.0.1:{port}/", Assert.Single(ending.ErrorLines));
    }

    [Fact]
    public async Task A_server_that_drains_is_alive_and_not_ready()
    {
        await using var server = await ServerProcess.StartAsync(_folder, ("MEMORY_DRAIN_SECONDS", "60"));
        (string, string)[] address = [("MEMORY_PORT", $"{server.Address.Port}")];
        server.Terminate();
        using var client = server.Client();
        while ((await client.GetAsync(new Uri("/v1/admin/readiness", UriKind.Relative), Ct)).IsSuccessStatusCode)
        {
            await Task.Yield(); // The signal is on its way.
        }

        var alive = await ServerProcess.RunAsync(_folder, address, "healthcheck");
        var ready = await ServerProcess.RunAsync(_folder, address, "healthcheck", "--ready");

        Assert.Equal((0, "alive\n"), (alive.Code, alive.Output));
        Assert.Equal(69, ready.Code);
        Assert.EndsWith(" answered 503", Assert.Single(ready.ErrorLines), StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_takes_no_operand()
    {
        var ending = await ServerProcess.RunAsync(_folder, "healthcheck", "now");

        Assert.Equal(64, ending.Code);
        Assert.StartsWith("memoir: healthcheck: unexpected: now", Assert.Single(ending.ErrorLines), StringComparison.Ordinal);
    }
}
