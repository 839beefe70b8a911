namespace Memoir.Server.Recall;

/// <summary>The parts of a memory from which its importance at some moment is computed.</summary>
internal readonly record struct MemoryParts(
    float Importance, float? ImportanceOverride, long OccurredAtMicros, MemoryRole Role, string? Type);
