using Memoir.Kit.Http;
using Memoir.Kit.Settings;
using Memoir.Server.Access;
using Memoir.Server.Backups.Format;
using Memoir.Server.Memories;
using Memoir.Server.Wire;

namespace Memoir.Server.Backups;

/// <summary>Front door of this folder: backups into the server's own folder, for operators.</summary>
internal static class BackupsFeature
{
    public static void AddBackups(this IHostApplicationBuilder builder)
    {
        builder.Services.AddSettings<BackupOptions, BackupOptionsValidator>();
        builder.Services.AddSingleton<BackupPlan>();
        builder.Services.AddSingleton<BackupMaker>();
        builder.Services.AddSingleton<BackupService>();
        builder.Services.AddSingleton<BackupWorker>();
        builder.Services.AddHostedService(services => services.GetRequiredService<BackupWorker>()); // In every role: who is asked makes it.
    }

    public static void MapBackups(this IEndpointRouteBuilder app)
    {
        var backups = app.MapGroup("/v1/admin/backups").WithTags("Operation").RequireOperator(Scopes.Admin);
        backups.MapPost("", AskAsync)
            .WithSummary("Begin a backup of all tenants into the server's folder; 409 while one is under way.")
            .Describe<BackupResponse>(StatusCodes.Status202Accepted).AnswersLocation().MayRefuse(Problem.Conflict);
        backups.MapGet("", List)
            .WithSummary("List the backups in the server's folder, newest first, and the one under way.")
            .Describe<BackupList>(StatusCodes.Status200OK);
        backups.MapGet("/{name}", Find)
            .WithSummary("Read how one backup stands.")
            .Describe<BackupResponse>(StatusCodes.Status200OK);
        backups.MapPost("/{name}/verify", VerifyAsync)
            .WithSummary("Read all of a backup and check that it is as it was written; 422 when it is not.")
            .Describe<BackupCheckResponse>(StatusCodes.Status200OK).MayRefuse(Problem.BackupIntegrity);
    }

    private static async Task<IResult> AskAsync(HttpContext http, BackupService backups, CancellationToken ct)
    {
        var caller = Caller.Of(http);
        var writer = new Writer(caller.Credential, "rest", RequestId.Of(http));
        var asked = await backups.AskAsync(caller.ActIn(http, stated: null), writer, ct);
        return Answer.Of(
            StatusCodes.Status202Accepted, ToResponse(asked), WireJson.Of<BackupResponse>(), $"/v1/admin/backups/{Path.GetFileName(asked.Path)}");
    }

    private static Answer List(BackupService backups) => Answer.Ok(new BackupList([.. All(backups)]), WireJson.Of<BackupList>());

    private static Answer Find(string name, BackupService backups) =>
        All(backups).FirstOrDefault(backup => backup.Name == name) is { } found
            ? Answer.Ok(found, WireJson.Of<BackupResponse>())
            : throw NoSuchBackup();

    private static async Task<IResult> VerifyAsync(string name, BackupService backups, BackupMaker maker, CancellationToken ct)
    {
        var file = backups.Folder?.Find(name) ?? throw NoSuchBackup();
        try
        {
            var manifest = await maker.VerifyAsync(file, ct);
            var answer = new BackupCheckResponse
            {
                Name = name,
                CreatedAt = manifest.CreatedAt,
                Tenants = manifest.Tenants,
                Rows = manifest.Rows,
                Tables = manifest.Tables,
            };
            return Answer.Ok(answer, WireJson.Of<BackupCheckResponse>());
        }
        catch (BackupIntegrityException exception)
        {
            throw new ProblemException(Problem.BackupIntegrity, $"The backup {exception.Reason}.");
        }
    }

    private static ProblemException NoSuchBackup() => ProblemException.NotFound("There is no such backup.");

    private static IEnumerable<BackupResponse> All(BackupService backups)
    {
        var files = backups.Folder?.List() ?? [];
        if (backups.Last is { State: not BackupService.Complete } open)
        {
            yield return ToResponse(open);
        }

        foreach (var file in files)
        {
            yield return new BackupResponse
            {
                Name = file.Name,
                State = BackupService.Complete,
                CreatedAt = file.CreatedAt,
                Path = file.Path,
                Bytes = new FileInfo(file.Path) is { Exists: true } info ? info.Length : null,
            };
        }
    }

    private static BackupResponse ToResponse(BackupRequest request) => new()
    {
        Name = Path.GetFileName(request.Path),
        State = request.State,
        CreatedAt = request.At,
        Path = request.Path,
        Error = request.Error,
    };
}
