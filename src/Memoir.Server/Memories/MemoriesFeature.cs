using Memoir.Kit.Jobs;
using Memoir.Kit.Settings;
using Memoir.Server.Memories.Embedding;
using Memoir.Server.Memories.Lists;

namespace Memoir.Server.Memories;

/// <summary>Front door of this folder: the core that all doors store through. It has no routes of its own.</summary>
internal static class MemoriesFeature
{
    public static void AddMemories(this IHostApplicationBuilder builder)
    {
        builder.Services.AddSettings<MemoryOptions, MemoryOptionsValidator>();
        builder.Services.AddSingleton<MemoryReader>();
        builder.Services.AddSingleton<MemoryService>();
        builder.Services.AddSingleton<MemoryLists>();
        builder.Services.AddSingleton<IJobHandler, EmbedMemoriesJob>();
        builder.Services.AddSingleton<IJobHandler, ReembedMemoriesJob>();
    }
}
