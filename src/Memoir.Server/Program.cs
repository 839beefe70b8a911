using Memoir.Kit;
using Memoir.Kit.Hosting;
using Memoir.Server;
using Memoir.Server.Access;
using Memoir.Server.Admin;
using Memoir.Server.Analytics;
using Memoir.Server.Audit;
using Memoir.Server.Backups;
using Memoir.Server.Commands;
using Memoir.Server.Docs;
using Memoir.Server.Documents;
using Memoir.Server.Embeddings;
using Memoir.Server.Jobs;
using Memoir.Server.Limits;
using Memoir.Server.Memories;
using Memoir.Server.Messages;
using Memoir.Server.OpenApi;
using Memoir.Server.Privacy;
using Memoir.Server.Quality;
using Memoir.Server.Quality.Quarantine;
using Memoir.Server.Recall;
using Memoir.Server.Retention;
using Memoir.Server.Voice;
using Memoir.Server.Wire;

return await CommandTable.RunAsync(args, new Startup(builder =>
{
    builder.AddKit();
    builder.AddAccess();
    builder.AddLimits();
    builder.AddEmbeddings();
    builder.AddRecall();
    builder.AddQuality();
    builder.AddMemories();
    builder.AddMessages();
    builder.AddDocuments();
    builder.AddVoice();
    builder.AddJobs();
    builder.AddRetention();
    builder.AddPrivacy();
    builder.AddAnalytics();
    builder.AddAdmin();
    builder.AddAudit();
    builder.AddBackups();
    builder.AddOpenApiDocument();
    builder.AddDocs();
}, app =>
{
    app.UseVoice();
    app.UseDenialWatch();
    app.UseInnerRequests();
    app.UseKit();
    app.UseAccessWithinLimits();
    app.UseMiddleware<QueryGate>();
    app.MapAdmin();
    if (app.Configuration.Role() is ServerRole.Worker)
    {
        return; // It answers its operators alone.
    }

    app.MapMessages();
    app.MapDocuments();
    app.MapVoice();
    app.MapQuarantine();
    app.MapRecall();
    app.MapJobs();
    app.MapRetention();
    app.MapQuality();
    app.MapEmbeddings();
    app.MapAccess();
    app.MapLimits();
    app.MapTenants();
    app.MapPrivacy();
    app.MapAudit();
    app.MapBackups();
    app.MapAnalytics();
    app.MapOpenApiDocument();
    app.MapDocs();
}));
