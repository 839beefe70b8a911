using Memoir.Bench.Corpus;
using Memoir.Bench.Limits;

namespace Memoir.Bench.Service;

/// <summary>Measures what this machine allows at best, with the same client and in the same run.</summary>
internal static class BaselineRun
{
    public static async Task RunAsync(
        ServiceOptions options, Conversations conversations, string folder, List<Measurement> rows, CancellationToken ct)
    {
        await using (var host = await Target.StartBaselineAsync(ct))
        {
            ReadOnlyMemory<byte>[] empty = [host.Requests.Get("/")];
            ReadOnlyMemory<byte>[] echo = [host.Requests.Post("/echo", conversations.Message())];
            foreach (var clients in (int[])[1, 64])
            {
                rows.Add(new Measurement(
                    Operation.EmptyEndpoint, "machine: empty endpoint", clients, await host.RunAsync(clients, empty, options, ct)));
                rows.Add(new Measurement(
                    Operation.JsonEcho, "machine: JSON echo", clients, await host.RunAsync(clients, echo, options, ct)));
            }
        }

        foreach (var group in (int[])[1, 100])
        {
            var title = group == 1 ? "machine: bare durable commit" : $"machine: bare durable commits of {group} rows";
            rows.Add(new Measurement(Operation.BareCommit, title, 1, DurableCommit.Measure(folder, group, options.Duration))
            {
                Units = group,
            });
        }
    }
}
