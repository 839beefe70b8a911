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

    /// <summary>The answer has an <c>ETag</c>, and a <c>Warning</c> where an older version stands in; the request may have a <see cref="Precondition"/>.</summary>
    public static RouteHandlerBuilder AnswersVersion(this RouteHandlerBuilder route) => route.WithMetadata(VersionedRoute.Instance);

    /// <summary>The answer says in a header what was masked.</summary>
    public static RouteHandlerBuilder AnswersMasked(this RouteHandlerBuilder route) => route.WithMetadata(MaskingRoute.Instance);

    /// <summary>A body that the route takes beside its JSON.</summary>
    public static RouteHandlerBuilder AlsoTakes<TBody>(this RouteHandlerBuilder route, string mediaType) => route.WithMetadata(new FurtherBody(mediaType, typeof(TBody)));

    /// <summary>Another route does what this one does, and more.</summary>
    public static RouteHandlerBuilder IsDeprecated(this RouteHandlerBuilder route) => route.WithMetadata(DeprecatedRoute.Instance);

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

/// <summary>Marks a route whose answer has a version.</summary>
internal sealed class VersionedRoute
{
    public static readonly VersionedRoute Instance = new();
}

/// <summary>Marks a route whose answer says in a header what was masked.</summary>
internal sealed class MaskingRoute
{
    public static readonly MaskingRoute Instance = new();
}

/// <summary>Marks a route that is there for older clients.</summary>
internal sealed class DeprecatedRoute
{
    public static readonly DeprecatedRoute Instance = new();
}

/// <summary>A body of another media type that a route takes.</summary>
internal sealed record FurtherBody(string MediaType, Type Type);

/// <summary>What a route refuses for reasons of its own.</summary>
internal sealed record OwnRefusals(IReadOnlyList<Problem> Problems);
