using System.Globalization;
using System.Net;
using Memoir.Bench.Hosts;
using Memoir.Faults.Common;

namespace Memoir.Faults.Upgrade;

/// <summary>Where one API process runs, of the one release or the other.</summary>
internal sealed class Place(IReadOnlyDictionary<string, string> settings) : IAsyncDisposable
{
    private ServerProcess? _process;

    private readonly IPEndPoint _endpoint = new(IPAddress.Loopback, ServerProcess.FreePort());

    public Api Api => field ??= new Api(_endpoint);

    /// <summary>Its connections are not those of the requests.</summary>
    public Api Probe => field ??= new Api(_endpoint);

    public string LastLines => _process?.LastLines ?? "";

    public bool HasExited => _process is null or { HasExited: true };

    /// <summary>Starts it and does not wait.</summary>
    public void Start(string program) => _process = ServerProcess.Start(
        ServerProcess.DotnetHost,
        [program, "api"],
        _endpoint.Port,
        new Dictionary<string, string>(settings)
        {
            ["MEMORY_HOST"] = "127.0.0.1",
            ["MEMORY_PORT"] = _endpoint.Port.ToString(CultureInfo.InvariantCulture),
            ["MEMORY_API_KEYS"] = Api.OperatorKey,
            ["MEMORY_GLOBAL_RATE_LIMIT"] = "off",
            ["MEMORY_TENANT_RATE_LIMIT"] = "off",
            ["MEMORY_LOG_LEVEL"] = "WARNING",
        });

    public Task StopAsync(Ledger ledger, CancellationToken ct) => ServerUnderTest.StopAsync(_process!, ledger, ct);

    public async ValueTask DisposeAsync()
    {
        Api.Dispose();
        Probe.Dispose();
        if (_process is not null)
        {
            await _process.DisposeAsync();
        }
    }
}
