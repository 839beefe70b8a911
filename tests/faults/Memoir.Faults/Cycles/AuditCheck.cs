using System.Globalization;
using System.Text;
using System.Text.Json;
using Memoir.Faults.Common;

namespace Memoir.Faults.Cycles;

/// <summary>
/// Counts audit records against the ledger: one for each acknowledged change, none for what did not happen, and each denial
/// at most once, at least when a second went by before the next fault. The chains must verify after every restart.
/// </summary>
internal sealed class AuditCheck(Ledger ledger)
{
    private const int Denials = 5;
    private const string Asked = "/v1/conversations";
    private const string WrongKey = "a-key-that-nobody-has-given-to-anybody";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    private readonly Dictionary<string, Expected> _expected = new(StringComparer.Ordinal);
    private DateTimeOffset _since;
    private DateTimeOffset _deniedSince;
    private int _denied;

    /// <summary>A cycle begins.</summary>
    public void Begin() => _since = TimeProvider.System.GetUtcNow().AddSeconds(-5);

    /// <summary>Asks what is denied, a few times.</summary>
    public async Task BeDeniedAsync(Api api, CancellationToken ct)
    {
        _deniedSince = TimeProvider.System.GetUtcNow();
        for (var i = 0; i < Denials; i++)
        {
            _denied++; // Before it is sent: an answer may be lost.
            if ((await api.GetAsync(Asked, WrongKey, ct)).Status is var status and not 401)
            {
                ledger.Report("unexpected", $"denial {_denied}", $"answered {status}");
            }
        }
    }

    /// <summary>After a restart, when everything that was in doubt is settled.</summary>
    public async Task CheckCycleAsync(Api api, IReadOnlyList<Writer> writers, CancellationToken ct)
    {
        var ofCycle = new List<string>();
        foreach (var writer in writers)
        {
            foreach (var operation in writer.Acknowledged)
            {
                // An erasure that was sent again has been done twice, and says so.
                Expect(ofCycle, operation, least: 1, most: operation.Kind == "erase" ? 2 : 1);
            }

            if (writer.Unanswered is { } last && !writer.Acknowledged.Contains(last))
            {
                var found = last.WasFound() ?? false;
                Expect(ofCycle, last, least: found ? 1 : 0, most: found ? 1 : 0);
            }
        }

        await CompareAsync(api, ofCycle, $"&since={_since.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture)}", ct);
        await CheckDenialsAsync(api, ct);
        await VerifyAsync(api, ct);
    }

    /// <summary>At the end: everything since the first cycle.</summary>
    public async Task CheckAllAsync(Api api, CancellationToken ct)
    {
        await CompareAsync(api, [.. _expected.Keys], "", ct);
        await VerifyAsync(api, ct);
    }

    private void Expect(List<string> ofCycle, Operation operation, int least, int most)
    {
        _expected[operation.Id] = new Expected(operation.Tenant, operation.Title, least, most);
        ofCycle.Add(operation.Id);
    }

    private async Task CompareAsync(Api api, IReadOnlyList<string> ids, string filter, CancellationToken ct)
    {
        foreach (var tenant in ids.GroupBy(id => _expected[id].Tenant))
        {
            var records = await ExportAsync(api, $"/v1/admin/audit?format=ndjson&tenant_id={tenant.Key}{filter}", ct);
            var counts = records.CountBy(record => MessageVersion.Text(record, "request_id") ?? "").ToDictionary();
            foreach (var id in tenant)
            {
                var (_, title, least, most) = _expected[id];
                var count = counts.GetValueOrDefault(id);
                if (count < least || count > most)
                {
                    ledger.Report(count < least ? "lost" : "duplicated", $"audit of {title}", $"has {count} records instead of {least}");
                }
            }
        }
    }

    private async Task CheckDenialsAsync(Api api, CancellationToken ct)
    {
        // Those of the cycle before the fault may be lost; those after the restart are written within a second.
        var started = TimeProvider.System.GetTimestamp();
        while (true)
        {
            // Revoked keys are denied too, when they are checked, on a route of their own.
            var all = await ExportAsync(api, "/v1/admin/audit?format=ndjson&tenant_id=default&action=denied.unauthenticated", ct);
            var records = all.FindAll(record => MessageVersion.Text(record, "subject") == $"GET {Asked}");
            var count = records.Sum(record => record.GetProperty("count").GetInt32());
            if (count > _denied)
            {
                ledger.Report("duplicated", $"denials {_denied}", $"are {count} in the records");
            }

            var certain = records.Where(record => record.GetProperty("at").GetDateTimeOffset() >= _deniedSince).Sum(record => record.GetProperty("count").GetInt32());
            if (certain >= Denials)
            {
                return;
            }

            if (TimeProvider.System.GetElapsedTime(started) > Patience)
            {
                ledger.Report("lost", $"denials up to {_denied}", $"only {certain} of the last {Denials} are recorded");
                return;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(200), ct);
        }
    }

    private async Task VerifyAsync(Api api, CancellationToken ct)
    {
        var answer = await api.GetAsync("/v1/admin/audit/verify?all=true&limit=200", ct);
        if (!answer.IsSuccess || !answer.Json.GetProperty("ok").GetBoolean())
        {
            ledger.Report("torn", "audit chains", $"do not verify: {answer.Status} {Encoding.UTF8.GetString(answer.Body)}");
        }
    }

    private async Task<List<JsonElement>> ExportAsync(Api api, string path, CancellationToken ct)
    {
        var answer = await api.GetAsync(path, ct);
        if (!answer.IsSuccess)
        {
            ledger.Report("unexpected", $"GET {path}", $"answered {answer.Status}: {answer.Excerpt}");
            return [];
        }

        return [.. Encoding.UTF8.GetString(answer.Body).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonElement.Parse(line))];
    }

    private sealed record Expected(string Tenant, string Title, int Least, int Most);
}
