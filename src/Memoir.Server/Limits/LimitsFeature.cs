using System.Net;
using Memoir.Kit.Http;
using Memoir.Kit.Limits;
using Memoir.Server.Access;
using Memoir.Server.Wire;

namespace Memoir.Server.Limits;

/// <summary>Front door of this folder: limits of requests, and the routes for the addresses that were blocked.</summary>
internal static class LimitsFeature
{
    public static void AddLimits(this IHostApplicationBuilder builder)
    {
        builder.Services.AddSingleton<BlockedAddresses>();
        builder.Services.AddSingleton<AddressLimits>();
        builder.Services.AddSingleton<LimitsUpkeep>();
        builder.Services.AddHostedService(services => services.GetRequiredService<LimitsUpkeep>());
    }

    /// <summary>Addresses before the credentials, tenants behind them.</summary>
    public static void UseAccessWithinLimits(this IApplicationBuilder app)
    {
        app.UseMiddleware<AddressGate>();
        app.UseAccess();
        app.UseMiddleware<TenantGate>();
    }

    public static void MapLimits(this IEndpointRouteBuilder app)
    {
        var group = app.MapGroup("/v1/admin/blocked-addresses").WithTags("Limits").RequireOperator(Scopes.Admin);

        group.MapGet("", ListAsync)
            .WithSummary("List the addresses that are blocked because they were refused too often, in the order of their text.")
            .Describe<BlockedAddressList>(StatusCodes.Status200OK)
            .WithMetadata(new QueryParameters(["limit", "cursor"]));
        group.MapDelete("/{address}", LiftAsync)
            .WithSummary("Let a blocked address in again: at once in the process that answers, within three seconds in the others on its database.")
            .Describe(StatusCodes.Status204NoContent)
            .MayRefuse(Problem.NotFound)
            .WithMetadata(new QueryParameters([]));
    }

    private static async Task<IResult> ListAsync(HttpContext http, BlockedAddresses blocked, CancellationToken ct)
    {
        var page = Page.From(http.Request, "blocked-addresses", values: 1);
        var found = await blocked.ListAsync(page.After is { } values ? values[0] : "", page.Limit + 1, ct);
        var items = found.Take(page.Limit).Select(ToResponse).ToList();
        var next = found.Count > page.Limit ? page.Next(items[^1].Address) : null;
        return Answer.Ok(new BlockedAddressList(items, next), WireJson.Of<BlockedAddressList>());
    }

    private static async Task<IResult> LiftAsync(HttpContext http, string address, AddressLimits limits, CancellationToken ct) =>
        IPAddress.TryParse(address, out var parsed)
        && await limits.LiftAsync(CallerAddress.Of(parsed), Caller.Of(http).Credential, RequestId.Of(http), ct)
            ? Answer.NoContent
            : throw ProblemException.NotFound("This address is not blocked.");

    private static BlockedAddressResponse ToResponse(BlockedAddress blocked) =>
        new() { Address = blocked.Address, BlockedAt = blocked.BlockedAt, BlockedUntil = blocked.Until };
}
