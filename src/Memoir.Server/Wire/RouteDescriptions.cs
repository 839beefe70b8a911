using Memoir.Kit.Http;

namespace Memoir.Server.Wire;

/// <summary>States a route's bodies for the OpenAPI document; what it may refuse follows from them and from its policy.</summary>
internal static class RouteDescriptions
{
    public static RouteHandlerBuilder Describe(this RouteHandlerBuilder route, int status) => route.Produces(status);

    public static RouteHandlerBuilder Describe<TAnswer>(this RouteHandlerBuilder route, int status) =>
        route.Produces<TAnswer>(status, Answer.Json);

    public static RouteHandlerBuilder Describe<TBody, TAnswer>(this RouteHandlerBuilder route, int status)
        where TBody : notnull =>
        route.Accepts<TBody>(Answer.Json).Produces<TAnswer>(status, Answer.Json);

    /// <summary>The route passes its request to <see cref="Requests.Idempotently"/>.</summary>
    public static RouteHandlerBuilder TakesIdempotencyKey(this RouteHandlerBuilder route) => route.WithMetadata(IdempotentRoute.Instance);

    /// <summary>The answer has a <c>Location</c>.</summary>
    public static RouteHandlerBuilder AnswersLocation(this RouteHandlerBuilder route) => route.WithMetadata(LocatingRoute.Instance);

    /// <summary>Refusals of this route that neither its policy nor its bodies and parameters tell.</summary>
    public static RouteHandlerBuilder MayRefuse(this RouteHandlerBuilder route, params Problem[] problems) =>
        route.WithMetadata(new OwnRefusals(problems));
}

/// <summary>Marks a route that takes idempotency keys.</summary>
internal sealed class IdempotentRoute
{
    public static readonly IdempotentRoute Instance = new();
}

/// <summary>Marks a route whose answer has a <c>Location</c>.</summary>
internal sealed class LocatingRoute
{
    public static readonly LocatingRoute Instance = new();
}

/// <summary>What a route refuses for reasons of its own.</summary>
internal sealed record OwnRefusals(IReadOnlyList<Problem> Problems);
