using Memoir.Kit.Http;

namespace Memoir.Server.Wire;

/// <summary>States a route's bodies for the OpenAPI document; every refusal is a problem.</summary>
internal static class RouteDescriptions
{
    public static RouteHandlerBuilder Describe(this RouteHandlerBuilder route, int status) =>
        route.Produces(status).WithProblems();

    public static RouteHandlerBuilder Describe<TAnswer>(this RouteHandlerBuilder route, int status) =>
        route.Produces<TAnswer>(status, Answer.Json).WithProblems();

    public static RouteHandlerBuilder Describe<TBody, TAnswer>(this RouteHandlerBuilder route, int status)
        where TBody : notnull =>
        route.Accepts<TBody>(Answer.Json).Produces<TAnswer>(status, Answer.Json).WithProblems();

    private static RouteHandlerBuilder WithProblems(this RouteHandlerBuilder route)
    {
        foreach (var status in (ReadOnlySpan<int>)[400, 401, 403, 404, 405, 413, 415, 422, 503, 504, 507])
        {
            route.ProducesProblem(status, ProblemAnswer.MediaType);
        }

        return route;
    }
}
