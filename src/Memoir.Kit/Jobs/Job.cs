using Memoir.Kit.Data;

namespace Memoir.Kit.Jobs;

/// <summary>A unit of deferred work, stored next to the data it is about.</summary>
public sealed record Job
{
    public required Guid Id { get; init; }

    public required string TenantId { get; init; }

    public required string Kind { get; init; }

    public required string Payload { get; init; }

    public required long Attempts { get; init; }

    /// <summary>The fencing token: whoever claimed the job after us holds a higher one.</summary>
    public required long Fence { get; init; }

    /// <summary>The traced write that asked for it; null when nobody traced that.</summary>
    public string? TraceParent { get; init; }

    public Tenant Tenant => new(TenantId);
}

/// <summary>What a job wants to change, run in the transaction that also completes it; null when there is nothing to change.</summary>
public delegate Task JobEffect(Session session);

/// <summary>Does one kind of job. What it computes may be computed twice; what it changes is changed once.</summary>
public interface IJobHandler
{
    string Kind { get; }

    /// <exception cref="PermanentJobException">Trying again cannot help.</exception>
    Task<JobEffect?> RunAsync(Job job, CancellationToken ct);
}

/// <summary>The job can never succeed; it goes to the dead letters at once.</summary>
public sealed class PermanentJobException(string message) : Exception(message);
