using Memoir.Kit;
using Memoir.Kit.Hosting;
using Memoir.Server;
using Memoir.Server.Access;
using Memoir.Server.Admin;
using Memoir.Server.Analytics;
using Memoir.Server.Commands;
using Memoir.Server.Docs;
using Memoir.Server.Embeddings;
using Memoir.Server.Jobs;
using Memoir.Server.Memories;
using Memoir.Server.Messages;
using Memoir.Server.OpenApi;
using Memoir.Server.Recall;
using Memoir.Server.Wire;

return await CommandTable.RunAsync(args, new Startup(builder =>
{
    builder.AddKit();
    builder.AddAccess();
    builder.AddEmbeddings();
    builder.AddRecall();
    builder.AddMemories();
    builder.AddMessages();
    builder.AddJobs();
    builder.AddAnalytics();
    builder.AddAdmin();
    builder.AddOpenApiDocument();
    builder.AddDocs();
}, app =>
{
    app.UseInnerRequests();
    app.UseKit();
    app.UseAccess();
    app.UseMiddleware<QueryGate>();
    app.MapAdmin();
    if (app.Configuration.Role() is ServerRole.Worker)
    {
        return; // It answers its operators alone.
    }

    app.MapMessages();
    app.MapRecall();
    app.MapJobs();
    app.MapEmbeddings();
    app.MapAccess();
    app.MapTenants();
    app.MapAnalytics();
    app.MapOpenApiDocument();
    app.MapDocs();
}));
