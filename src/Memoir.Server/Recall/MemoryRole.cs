namespace Memoir.Server.Recall;

/// <summary>Who a memory's words came from.</summary>
internal enum MemoryRole : byte
{
    User,
    Assistant,
    System,
    Tool,
}
