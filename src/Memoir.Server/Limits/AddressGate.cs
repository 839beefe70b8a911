using Memoir.Kit.Http;
using Memoir.Kit.Limits;

namespace Memoir.Server.Limits;

/// <summary>
/// Stands before the credentials are looked at: an address that asks too much, or was refused too often, goes no further.
/// Its refusals are written at once, for an exception would cost more than all the rest of such a request.
/// </summary>
internal sealed class AddressGate(RequestDelegate next, AddressLimits limits)
{
    public async Task InvokeAsync(HttpContext http)
    {
        if (http.GetEndpoint()?.Metadata.GetMetadata<UnlimitedRoute>() is not null || http.Features.Get<InnerRequestMark>() is not null)
        {
            await next(http);
            return;
        }

        if (await limits.AdmitAsync(http) is { } refusal)
        {
            await ProblemAnswer.WriteAsync(http, refusal);
        }
        else
        {
            try
            {
                await next(http);
            }
            catch (ProblemException thrown) when (thrown is { Problem: Problem.Unauthenticated or Problem.InvalidToken, IsNoGuess: false })
            {
                await limits.NoteRefusalAsync(http);
                throw;
            }
        }

        if (http.Response.StatusCode is StatusCodes.Status401Unauthorized or StatusCodes.Status429TooManyRequests)
        {
            await limits.NoteRefusalAsync(http);
        }
    }
}
