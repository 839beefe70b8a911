using System.Text;
using Memoir.Faults.Common;

namespace Memoir.Faults.Disk;

/// <summary>Asks a server whose storage has failed for a write and a read.</summary>
internal sealed class Probe(Api api, Ledger ledger)
{
    // A tenant of its own: whether a refused write is kept all the same is not for the writers' check to judge.
    private const string Tenant = "faults-probe";

    /// <summary>A write must be refused as the documentation says, and readiness must say so too.</summary>
    public async Task WriteIsRefusedAsync(string when, CancellationToken ct)
    {
        var answer = await WriteAsync(ct);
        if (answer.IsSuccess)
        {
            ledger.Report("lost", $"write {when}", $"was acknowledged: {answer.Excerpt}");
        }
        else if (answer.Status != 503 || !answer.Excerpt.Contains("urn:memoir:problem:storage-unavailable", StringComparison.Ordinal))
        {
            ledger.Report("unexpected", $"write {when}", $"answered {answer.Status}: {answer.Excerpt}");
        }

        var readiness = await api.GetAsync("/v1/admin/readiness", ct);
        if (readiness.Status != 503)
        {
            ledger.Report("unexpected", $"readiness {when}", $"answered {readiness.Status}: {readiness.Excerpt}");
        }
    }

    /// <summary>Reads are answered; where the disk itself is gone they may be refused too, but never by 500.</summary>
    public async Task ReadsAnswerAsync(string when, bool mayBeRefused, CancellationToken ct)
    {
        string[] reads =
        [
            "/v1/conversations?tenant_id=faults-0",
            "/v1/memory/search?tenant_id=faults-0&query=coffee&mode=lexical",
        ];
        foreach (var path in reads)
        {
            var answer = await api.GetAsync(path, ct);
            if (!answer.IsSuccess && !(mayBeRefused && answer.Status == 503))
            {
                ledger.Report("unexpected", $"{path} {when}", $"answered {answer.Status}: {answer.Excerpt}");
            }
        }
    }

    private Task<ApiAnswer> WriteAsync(CancellationToken ct)
    {
        var body = $$"""{"tenant_id":"{{Tenant}}","conversation_id":"c","role":"user","content":"probe"}""";
        var request = new Request(ledger.NextNumber(), "probe", Tenant, HttpMethod.Post, "/v1/messages") { Body = Encoding.UTF8.GetBytes(body) };
        return api.SendAsync(request, ct);
    }
}
