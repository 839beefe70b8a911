using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Memoir.Kit.Http;

/// <summary>
/// The outermost frame of every request: its id, the security headers, and the one place where an exception or a bare
/// status code becomes a problem body.
/// </summary>
public sealed partial class RequestFrame(RequestDelegate next, TimeProvider time, ILogger<RequestFrame> logger)
{
    public async Task InvokeAsync(HttpContext http)
    {
        http.TraceIdentifier = RequestId.Choose(http.Request.Headers[RequestId.Header], time);
        SetHeaders(http);
        try
        {
            RefuseAmbiguousLength(http.Request);
            await next(http);
            NameHead(http.Response);
            if (http.Response is { HasStarted: false, StatusCode: >= 400, ContentType: null, ContentLength: null })
            {
                SetHeaders(http); // Whoever set the bare status may have cleared them, as the time limit does.
                await ProblemAnswer.WriteAsync(http, OfStatus(http.Response.StatusCode));
            }
        }
        catch (IdempotencyReplayException replay)
        {
            http.Response.Headers[IdempotentRequest.ReplayedHeader] = "true";
            await replay.Answer.ExecuteAsync(http);
        }
        catch (ProblemException refusal)
        {
            await AnswerAsync(http, refusal);
        }
        catch (BadHttpRequestException slow) when (slow.StatusCode == StatusCodes.Status408RequestTimeout && !http.Response.HasStarted)
        {
            http.Response.Clear();
            http.Response.StatusCode = slow.StatusCode; // As the server itself refuses what comes too slowly: without a body.
            http.Response.Headers.Connection = "close";
        }
        catch (BadHttpRequestException refusal)
        {
            await AnswerAsync(http, OfStatus(refusal.StatusCode));
        }
        catch (ConnectionResetException)
        {
            LeaveUnanswered(http);
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
        {
            LeaveUnanswered(http);
        }
        catch (Exception exception) when (!http.Response.HasStarted)
        {
            LogBug(exception);
            await AnswerAsync(http, new ProblemException(Problem.Internal, "An error on our side; the log has it under this request id."));
        }
    }

    private static async Task AnswerAsync(HttpContext http, ProblemException refusal)
    {
        if (http.Response.HasStarted)
        {
            http.Abort(); // Half an answer must not look like a whole one.
            return;
        }

        var connection = http.Response.Headers.Connection;
        http.Response.Clear();
        http.Response.Headers.Connection = refusal.Problem is Problem.PayloadTooLarge ? "close" : connection; // Nobody should send the rest.
        SetHeaders(http);
        await ProblemAnswer.WriteAsync(http, refusal);
    }

    /// <summary>Nobody is there to read an answer; the status is for the measurements.</summary>
    private static void LeaveUnanswered(HttpContext http)
    {
        if (!http.Response.HasStarted)
        {
            http.Response.StatusCode = StatusCodes.Status499ClientClosedRequest;
        }
    }

    private static void SetHeaders(HttpContext http)
    {
        var headers = http.Response.Headers;
        headers[RequestId.Header] = http.TraceIdentifier;
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";
        headers["Referrer-Policy"] = "no-referrer";
        headers.ContentSecurityPolicy = "default-src 'none'";
        headers.CacheControl = "no-store";
        if (http.Request.IsHttps)
        {
            headers.StrictTransportSecurity = "max-age=31536000";
        }
    }

    /// <summary>Kestrel renames a Content-Length that came with a Transfer-Encoding: the mark of request smuggling.</summary>
    private static void RefuseAmbiguousLength(HttpRequest request)
    {
        if (request.Headers.TransferEncoding.Count > 0
            && (request.Headers.ContainsKey("X-Content-Length") || !request.Headers.TransferEncoding.ToString().Equals("chunked", StringComparison.OrdinalIgnoreCase)))
        {
            request.HttpContext.Response.Headers.Connection = "close";
            throw new ProblemException(Problem.InvalidRequest, "The length of the body is stated in two ways.");
        }
    }

    /// <summary>The routes name GET alone; HEAD comes with it.</summary>
    private static void NameHead(HttpResponse response)
    {
        if (response is { HasStarted: false, StatusCode: StatusCodes.Status405MethodNotAllowed }
            && response.Headers.Allow.ToString() is var allowed && allowed.Split(", ").Contains(HttpMethods.Get))
        {
            response.Headers.Allow = allowed + ", " + HttpMethods.Head;
        }
    }

    private static ProblemException OfStatus(int status)
    {
        var problem = Problems.ForStatus(status);
        return new ProblemException(problem, problem switch
        {
            Problem.NotFound => "There is no such route or resource.",
            Problem.MethodNotAllowed => "This route has other methods; see the Allow header.",
            Problem.PayloadTooLarge => "The body is larger than this route takes.",
            Problem.UnsupportedMediaType => "Send JSON as application/json.",
            Problem.Timeout => "The request took longer than the server allows; it may have had its effect.",
            _ => problem.Title() + ".",
        });
    }

    [LoggerMessage(LogLevel.Error, "A request ended in a bug.")]
    private partial void LogBug(Exception exception);
}
