using Memoir.Kit.Http;

namespace Memoir.Kit.Jobs;

/// <summary>An attempt that failed. Its message is shown to the job's tenant: no secrets, no content, no SQL, no paths.</summary>
public class JobFailedException(string message, Exception? cause) : Exception(message, cause)
{
    public JobFailedException(string message)
        : this(message, cause: null)
    {
    }
}

/// <summary>The job can never succeed; it goes to the dead letters at once.</summary>
public sealed class PermanentJobException(string message, Exception? cause) : JobFailedException(message, cause)
{
    public PermanentJobException(string message)
        : this(message, cause: null)
    {
    }
}

/// <summary>The job must wait through no fault of its own; the attempt does not count. The reason is shown to its tenant.</summary>
public sealed class PostponedJobException(TimeSpan wait, string reason) : Exception(reason)
{
    public TimeSpan Wait { get; } = wait;
}

/// <summary>Another worker holds the job now; whatever this one computed is dropped.</summary>
public sealed class LeaseLostException() : Exception("The job's lease ran out and another worker took it.");

/// <summary>What a tenant is told about an attempt that failed.</summary>
internal static class JobErrors
{
    /// <summary>Messages meant for callers as they are; of a bug, whose message may hold anything, its kind alone.</summary>
    public static string Of(Exception exception) => exception is JobFailedException or ProblemException
        ? exception.Message
        : $"Something went wrong inside ({exception.GetType().Name}); the server's log says more under the id of the job.";
}
