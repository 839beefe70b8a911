using System.Globalization;
using System.Text.Json;
using Memoir.Faults.Common;
using Memoir.Faults.Jobs.Inside;

namespace Memoir.Faults.Jobs;

/// <summary>The real server with countable jobs inside, and what its jobs and their effects look like from outside.</summary>
internal static class CountedServer
{
    /// <summary>The shortest lease: what hangs or was cut off is taken again soon.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromSeconds(1);

    public static Dictionary<string, string> Settings(int jobs, int maxAttempts) => new()
    {
        ["DOTNET_STARTUP_HOOKS"] = typeof(StartupHook).Assembly.Location,
        [CountedWork.JobsVariable] = jobs.ToString(CultureInfo.InvariantCulture),
        ["MEMORY_JOB_LEASE"] = Lease.ToString("c", CultureInfo.InvariantCulture),
        ["MEMORY_JOB_MAX_ATTEMPTS"] = maxAttempts.ToString(CultureInfo.InvariantCulture),
        ["MEMORY_JOBS_KEPT"] = "30.00:00:00",
    };

    /// <summary>Rows, and the jobs that they are of. The server must stand still.</summary>
    public static (long Effects, long Jobs) Count(string dataFolder)
    {
        using var copy = new DatabaseCopy(dataFolder);
        var file = copy.Databases.Single();
        return (
            (long)DatabaseCopy.Ask(file, "SELECT COUNT(*) FROM fault_effects")!,
            (long)DatabaseCopy.Ask(file, "SELECT COUNT(DISTINCT job_id) FROM fault_effects")!);
    }

    public static async Task<bool> HasOpenJobsAsync(Api api, string kind, CancellationToken ct)
    {
        foreach (var tenant in CountedWork.Tenants)
        {
            foreach (var status in (string[])["queued", "running", "failed"])
            {
                if ((await ListAsync(api, $"tenant_id={tenant}&status={status}{kind}&limit=1", ct)).Count > 0)
                {
                    return true;
                }
            }
        }

        return false;
    }

    public static async Task<IReadOnlyList<JsonElement>> ListAsync(Api api, string query, CancellationToken ct)
    {
        var answer = await api.GetAsync($"/v1/jobs?{query}", ct);
        return answer.IsSuccess
            ? [.. answer.Json.GetProperty("items").EnumerateArray()]
            : throw new InvalidOperationException($"GET /v1/jobs?{query} answered {answer.Status}: {answer.Excerpt}");
    }
}
