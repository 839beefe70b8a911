using Memoir.Kit.Http;
using Memoir.Kit.Limits;
using Memoir.Server.Quality;
using Microsoft.OpenApi;

namespace Memoir.Server.OpenApi;

/// <summary>The headers of answers that clients go by, each described once.</summary>
internal static class AnswerHeaders
{
    public const string RequestIdName = RequestId.Header;
    public const string LocationName = "Location";
    public const string RetryAfterName = "Retry-After";
    public const string VersionName = "ETag";
    public const string WarningName = "Warning";
    public const string MaskedName = Screening.Header;
    public const string ChallengeName = "WWW-Authenticate";

    /// <summary>Of an answer that fell under a limit.</summary>
    public static readonly IReadOnlyList<string> OfLimits = [RateLimitHeaders.Limit, RateLimitHeaders.Remaining, RateLimitHeaders.Reset];

    private static readonly (string Name, string Description, JsonSchemaType Type, string Example)[] All =
    [
        (RequestIdName, "The id of this request, the caller's own or a new one; in problem bodies and log lines, too.", JsonSchemaType.String, "0198b0a1c2d37e4f"),
        (LocationName, "Where what was made can be read. An operator's names the tenant.", JsonSchemaType.String, "/v1/messages/019b8f6e-5c00-7a61-9f0e-3d5b7c1a2e44"),
        (IdempotentRequest.ReplayedHeader, "`true` when this is the kept answer to an earlier request with the same `Idempotency-Key`; else absent.", JsonSchemaType.String, "true"),
        (VersionName, "The version, as an entity tag for `If-Match` and `If-None-Match`.", JsonSchemaType.String, "\"7\""),
        (WarningName, "Absent, unless the newest version is damaged and an older one is served in its place.", JsonSchemaType.String, "199 memoir \"version 8 is damaged; version 7 is served in its place\""),
        (MaskedName, "What was masked before it was stored: class, kind and in how many places; absent when nothing was.", JsonSchemaType.String, "secrets.github_token=1, personal_data.email=2"),
        (RetryAfterName, "Whole seconds after which trying again makes sense.", JsonSchemaType.Integer, "5"),
        (RateLimitHeaders.Limit, "How many requests the nearest limit of this request has; absent when none applies.", JsonSchemaType.Integer, "120"),
        (RateLimitHeaders.Remaining, "How many more that limit would let in now.", JsonSchemaType.Integer, "117"),
        (RateLimitHeaders.Reset, "When all of that limit is free again if nothing more is sent, in seconds since 1970.", JsonSchemaType.Integer, "1775035860"),
        (ChallengeName, "How to send a credential.", JsonSchemaType.String, "Bearer realm=\"memoir\""),
    ];

    public static void AddTo(OpenApiComponents components) =>
        components.Headers = All.ToDictionary(
            header => header.Name,
            IOpenApiHeader (header) => new OpenApiHeader
            {
                Description = header.Description,
                Schema = new OpenApiSchema { Type = header.Type },
                Example = header.Type is JsonSchemaType.Integer ? int.Parse(header.Example, System.Globalization.CultureInfo.InvariantCulture) : header.Example,
            });

    public static void Add(OpenApiResponse answer, string name, OpenApiDocument? document)
    {
        answer.Headers ??= new Dictionary<string, IOpenApiHeader>();
        answer.Headers[name] = new OpenApiHeaderReference(name, document);
    }
}
