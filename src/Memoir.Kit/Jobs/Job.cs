using Memoir.Kit.Data;

namespace Memoir.Kit.Jobs;

/// <summary>A unit of deferred work, stored next to the data it is about.</summary>
public sealed record Job
{
    public required Guid Id { get; init; }

    public required string TenantId { get; init; }

    public required string Kind { get; init; }

    public required string Payload { get; init; }

    /// <summary>How often it was begun, this time included.</summary>
    public required long Attempts { get; init; }

    /// <summary>The fencing token: whoever claimed the job after us holds a higher one.</summary>
    public required long Fence { get; init; }

    /// <summary>Its last attempt neither ended nor was given back: it may be what ends the process.</summary>
    public bool WasCutOff { get; init; }

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

    /// <summary>Has a little less than one lease; who ignores the token is left behind and its effect is dropped.</summary>
    /// <exception cref="JobFailedException">It did not work; the message is shown to the tenant.</exception>
    /// <exception cref="PermanentJobException">Trying again cannot help.</exception>
    /// <exception cref="PostponedJobException">It is too early; nothing was tried.</exception>
    Task<JobEffect?> RunAsync(Job job, CancellationToken ct);
}
