using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Server.Access;
using Memoir.Server.Memories;
using Memoir.Server.Memories.Periods;
using Memoir.Server.Quality;
using Memoir.Server.Quality.Doubts;
using Memoir.Server.Wire;

namespace Memoir.Server.Voice;

/// <summary>What the routes of this folder do with every request.</summary>
internal static class VoiceRequests
{
    private const string Channel = "memories";

    public static Writer WriterOf(HttpContext http) => new(Caller.Of(http).Credential, Channel, RequestId.Of(http));

    /// <summary>An answer about a memory that was stored, with where it can be read.</summary>
    public static Answer Ok<T>(T value, Caller caller, Tenant tenant, Memory memory)
        where T : Stored =>
        Answer.Of(
            StatusCodes.Status200OK, value with { Masked = Screening.Parse(memory.Masked), DuplicateOf = memory.DuplicateOf, Quarantine = DoubtJudge.Read(memory.Quarantine) },
            WireJson.Of<T>(), caller.Locate($"/v1/memories/{memory.Id}", tenant));

    /// <summary>Which moment is asked about by <c>as_of</c> and <c>known_at</c>; null for now.</summary>
    /// <exception cref="ProblemException">400: one of them is no time.</exception>
    public static Moment? MomentOf(HttpContext http) => Moment.Of(
        QueryValues.Time(http.Request, "as_of"), QueryValues.Time(http.Request, "known_at"), http.RequestServices.GetRequiredService<TimeProvider>().Now());

    public static ProblemException NoSuchMemory() => ProblemException.NotFound("There is no such memory.");
}
