namespace Memoir.Kit.Jobs;

/// <summary>What a room has to have looked after once a minute, by one of the processes on the database.</summary>
public interface IUpkeep
{
    Task RunAsync(CancellationToken ct);
}
