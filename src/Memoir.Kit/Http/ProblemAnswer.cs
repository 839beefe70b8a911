using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Memoir.Kit.Http;

/// <summary>Writes RFC 9457 problem bodies: the only place where a refusal becomes bytes.</summary>
public static class ProblemAnswer
{
    public const string MediaType = "application/problem+json";

    private const string Item = "memoir.problem";
    private const string FamilyItem = "memoir.says-success";

    /// <summary>For clients that look for <c>success</c> and <c>error</c> in a refusal: they stand in its body, too.</summary>
    public static void SaySuccess(HttpContext http) => http.Items[FamilyItem] = true;

    /// <summary>Why the request was refused; null when it was not.</summary>
    public static Problem? Of(HttpContext http) => http.Items[Item] as Problem?;

    public static async Task WriteAsync(HttpContext http, ProblemException refusal)
    {
        var problem = refusal.Problem;
        var response = http.Response;
        http.Items[Item] = problem;
        response.StatusCode = problem.Status();
        response.ContentType = MediaType;
        if ((refusal.Wait is { } wait ? (int)Math.Ceiling(Math.Max(1, wait.TotalSeconds)) : problem.RetryAfter()) is { } seconds)
        {
            response.Headers.RetryAfter = seconds.ToString(System.Globalization.CultureInfo.InvariantCulture);
        }

        if (problem is Problem.Unauthenticated or Problem.InvalidToken)
        {
            response.Headers.WWWAuthenticate = problem is Problem.InvalidToken ? "Bearer realm=\"memoir\", error=\"invalid_token\"" : "Bearer realm=\"memoir\"";
        }

        var body = Serialize(refusal, http.Request.Path, RequestId.Of(http), http.Items.ContainsKey(FamilyItem));
        response.ContentLength = body.Length;
        if (!HttpMethods.IsHead(http.Request.Method))
        {
            await response.BodyWriter.WriteAsync(body, CancellationToken.None);
        }
    }

    /// <summary>A refusal that a handler returns rather than throws, where so many are refused that the throwing would count.</summary>
    public static IResult AsResult(ProblemException refusal) => new Result(refusal);

    /// <summary>The same problem as one element of a batch answer.</summary>
    public static JsonElement AsElement(ProblemException refusal, string instance, string requestId)
    {
        using var document = JsonDocument.Parse(Serialize(refusal, instance, requestId, saysSuccess: false));
        return document.RootElement.Clone();
    }

    private static byte[] Serialize(ProblemException refusal, string? instance, string requestId, bool saysSuccess)
    {
        using var buffer = new MemoryStream(256);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("type", Problems.Prefix + refusal.Problem.Slug());
            json.WriteString("title", refusal.Problem.Title());
            json.WriteNumber("status", refusal.Problem.Status());
            json.WriteString("detail", refusal.Message);
            json.WriteString("instance", instance);
            json.WriteString("request_id", requestId);
            if (saysSuccess)
            {
                json.WriteBoolean("success", false);
                json.WriteString("error", refusal.Message);
            }

            if (refusal.Errors.Count > 0)
            {
                json.WriteStartObject("errors");
                foreach (var (path, messages) in refusal.Errors)
                {
                    json.WriteStartArray(path);
                    foreach (var message in messages)
                    {
                        json.WriteStringValue(message);
                    }

                    json.WriteEndArray();
                }

                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        return buffer.ToArray();
    }

    private sealed class Result(ProblemException refusal) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext) => WriteAsync(httpContext, refusal);
    }
}
