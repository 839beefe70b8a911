using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Kit.Settings;
using Memoir.Server.Wire;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Access;

/// <summary>Front door of this folder: authentication, and the routes for the keys of tenants.</summary>
internal static class AccessFeature
{
    public static void AddAccess(this IHostApplicationBuilder builder)
    {
        builder.Services.AddSettings<AccessOptions, AccessOptionsValidator>();
        builder.Services.AddSettings<TokenOptions, TokenOptionsValidator>();
        builder.Services.AddSingleton<ForeignTokens>();
        builder.Services.AddSingleton<ApiKeyService>();
        builder.Services.AddSingleton<Authenticator>();
        builder.Services.AddSingleton(services =>
            new DefaultTenant(new Tenant(services.GetRequiredService<IOptions<AccessOptions>>().Value.DefaultTenant)));
    }

    public static void UseAccess(this IApplicationBuilder app) => app.UseMiddleware<AccessGate>();

    public static void MapAccess(this IEndpointRouteBuilder app)
    {
        var group = app.MapGroup("/v1/admin/keys").WithTags("Keys").RequireScope(Scopes.Admin);

        group.MapPost("", CreateAsync)
            .WithSummary("Make an API key for a tenant; the key is shown this once.")
            .Describe<CreateApiKeyRequest, ApiKeyResponse>(StatusCodes.Status201Created).TakesIdempotencyKey().AnswersLocation();
        group.MapGet("", ListAsync)
            .WithSummary("List a tenant's keys, oldest first, without their secrets.")
            .Describe<ApiKeyList>(StatusCodes.Status200OK)
            .WithMetadata(new QueryParameters(["tenant_id", "limit", "cursor"]));
        group.MapDelete("/{id:guid}", RevokeAsync)
            .WithSummary("Revoke a key; it is refused at once by the process that answers, and within three seconds by the others on its database.")
            .Describe(StatusCodes.Status204NoContent)
            .WithMetadata(new QueryParameters(["tenant_id"]));
    }

    private static async Task<IResult> CreateAsync(HttpContext http, ApiKeyService keys, CancellationToken ct)
    {
        using var body = await http.ReadBodyAsync();
        var request = WireJson.Parse<CreateApiKeyRequest>(body.Span);
        var caller = Caller.Of(http);
        var tenant = caller.ActIn(http, request.TenantId);
        RefuseMoreThanOwn(caller, request);

        // A repetition is answered without the secret: what is stored must never be enough to sign in with.
        var companion = http.Idempotently<(ApiKey Key, string Secret)>(body.Span, made => Created(made.Key, secret: null));
        var (key, secret) = await keys.CreateAsync(tenant, request, caller.Credential, RequestId.Of(http), companion, ct);
        return Created(key, secret);
    }

    private static async Task<IResult> ListAsync(HttpContext http, ApiKeyService keys, CancellationToken ct)
    {
        var tenant = Caller.Of(http).ActIn(http, stated: null);
        var page = Page.From(http.Request, $"keys\n{tenant}", values: 1);
        var after = page.After is not { } values ? Guid.Empty : Guid.TryParse(values[0], out var last) ? last : throw Cursor.Invalid();
        var found = await keys.ListAsync(tenant, after, page.Limit + 1, ct);
        var items = found.Take(page.Limit).Select(key => ToResponse(key, secret: null)).ToList();
        var next = found.Count > page.Limit ? page.Next(items[^1].Id.ToString()) : null;
        return Answer.Ok(new ApiKeyList(items, next), WireJson.Of<ApiKeyList>());
    }

    private static async Task<IResult> RevokeAsync(HttpContext http, Guid id, ApiKeyService keys, CancellationToken ct)
    {
        var caller = Caller.Of(http);
        return await keys.RevokeAsync(caller.ActIn(http, stated: null), id, caller.Credential, RequestId.Of(http), ct)
            ? Answer.NoContent
            : throw ProblemException.NotFound("There is no such key.");
    }

    private static Answer Created(ApiKey key, string? secret) =>
        Answer.Of(StatusCodes.Status201Created, ToResponse(key, secret), WireJson.Of<ApiKeyResponse>(), $"/v1/admin/keys/{key.Id}");

    /// <summary>A tenant's administrator cannot make a key that may do more than the one it was made with.</summary>
    private static void RefuseMoreThanOwn(Caller caller, CreateApiKeyRequest request)
    {
        var asked = ScopeNames.Parse(string.Join(' ', request.Scopes ?? []));
        if (!caller.Scopes.HasFlag(asked))
        {
            throw new ProblemException(Problem.InsufficientScope, "A key cannot have scopes that its maker lacks.");
        }
    }

    private static ApiKeyResponse ToResponse(ApiKey key, string? secret) => new()
    {
        Id = key.Id,
        Key = secret,
        Prefix = key.Prefix,
        Name = key.Name,
        TenantId = key.TenantId,
        Scopes = key.Scopes.Split(' '),
        CreatedAt = key.CreatedAt,
        ExpiresAt = key.ExpiresAt,
        LastUsedAt = key.LastUsedAt,
        RateLimit = key.RateLimit,
    };
}
