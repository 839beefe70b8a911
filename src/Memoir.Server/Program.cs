using Memoir.Kit;
using Memoir.Server;
using Memoir.Server.Access;
using Memoir.Server.Admin;
using Memoir.Server.Docs;
using Memoir.Server.Embeddings;
using Memoir.Server.Memories;
using Memoir.Server.Messages;
using Memoir.Server.OpenApi;
using Memoir.Server.Recall;

return await Startup.RunAsync(args, builder =>
{
    builder.AddKit();
    builder.AddAccess();
    builder.AddEmbeddings();
    builder.AddRecall();
    builder.AddMemories();
    builder.AddMessages();
    builder.AddAdmin();
    builder.AddOpenApiDocument();
    builder.AddDocs();
}, app =>
{
    app.UseKit();
    app.UseAccess();
    app.MapMessages();
    app.MapRecall();
    app.MapAccess();
    app.MapAdmin();
    app.MapOpenApiDocument();
    app.MapDocs();
});
