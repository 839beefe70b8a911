using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Server.Access;
using Memoir.Server.Memories;
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
        where T : StoredOrKnown =>
        Answer.Of(
            StatusCodes.Status200OK, value with { DuplicateOf = memory.DuplicateOf, Quarantine = DoubtJudge.Read(memory.Quarantine) },
            WireJson.Of<T>(), caller.Locate($"/v1/memories/{memory.Id}", tenant));
}
