namespace Memoir.Kit.Http;

/// <summary>Every refusal this product can give: the closed list behind <c>urn:memoir:problem:&lt;slug&gt;</c>.</summary>
public enum Problem
{
    InvalidBody,
    InvalidRequest,
    InvalidCursor,
    Unauthenticated,
    InvalidToken,
    InsufficientScope,
    TenantMismatch,
    NotFound,
    MethodNotAllowed,
    NotAcceptable,
    UnsupportedMediaType,
    Conflict,
    IdempotencyInProgress,
    PreconditionFailed,
    PayloadTooLarge,
    ValidationFailed,
    IdempotencyKeyReused,
    RateLimited,
    BackupIntegrity,
    Internal,
    Overloaded,
    Draining,
    StorageUnavailable,
    DependencyUnavailable,
    Timeout,
    InsufficientStorage,
}

/// <summary>What each problem looks like on the wire.</summary>
public static class Problems
{
    public const string Prefix = "urn:memoir:problem:";

    public static int Status(this Problem problem) => Of(problem).Status;

    public static string Slug(this Problem problem) => Of(problem).Slug;

    public static string Title(this Problem problem) => Of(problem).Title;

    /// <summary>Seconds after which trying again makes sense; null when it does not.</summary>
    public static int? RetryAfter(this Problem problem) => problem switch
    {
        Problem.Overloaded or Problem.IdempotencyInProgress or Problem.RateLimited => 1,
        Problem.Draining => 5,
        Problem.StorageUnavailable or Problem.DependencyUnavailable => 10,
        _ => null,
    };

    /// <summary>The problem that stands for a bare status code of the framework.</summary>
    public static Problem ForStatus(int status) => status switch
    {
        400 => Problem.InvalidRequest,
        401 => Problem.Unauthenticated,
        403 => Problem.InsufficientScope,
        404 => Problem.NotFound,
        405 => Problem.MethodNotAllowed,
        406 => Problem.NotAcceptable,
        412 => Problem.PreconditionFailed,
        413 => Problem.PayloadTooLarge,
        415 => Problem.UnsupportedMediaType,
        429 => Problem.RateLimited,
        504 => Problem.Timeout,
        >= 500 => Problem.Internal,
        _ => Problem.InvalidRequest,
    };

    private static (int Status, string Slug, string Title) Of(Problem problem) => problem switch
    {
        Problem.InvalidBody => (400, "invalid-body", "The body cannot be read"),
        Problem.InvalidRequest => (400, "invalid-request", "The request cannot be understood"),
        Problem.InvalidCursor => (400, "invalid-cursor", "The cursor does not belong to this list"),
        Problem.Unauthenticated => (401, "unauthenticated", "A credential is needed"),
        Problem.InvalidToken => (401, "invalid-token", "The token is not valid"),
        Problem.InsufficientScope => (403, "insufficient-scope", "The credential does not allow this"),
        Problem.TenantMismatch => (403, "tenant-mismatch", "The credential belongs to another tenant"),
        Problem.NotFound => (404, "not-found", "There is no such thing here"),
        Problem.MethodNotAllowed => (405, "method-not-allowed", "The method is not allowed here"),
        Problem.NotAcceptable => (406, "not-acceptable", "The answer is not available in that media type"),
        Problem.UnsupportedMediaType => (415, "unsupported-media-type", "The body's media type is not supported"),
        Problem.Conflict => (409, "conflict", "The request conflicts with what is stored"),
        Problem.IdempotencyInProgress => (409, "idempotency-in-progress", "The same request is still being worked on"),
        Problem.PreconditionFailed => (412, "precondition-failed", "It is not in the version that the request names"),
        Problem.PayloadTooLarge => (413, "payload-too-large", "The body is too large"),
        Problem.ValidationFailed => (422, "validation-failed", "A field breaks its rule"),
        Problem.IdempotencyKeyReused => (422, "idempotency-key-reused", "The idempotency key was used for another request"),
        Problem.RateLimited => (429, "rate-limited", "Too many requests"),
        Problem.BackupIntegrity => (422, "backup-integrity", "The backup is not as it was written"),
        Problem.Internal => (500, "internal", "Something went wrong here"),
        Problem.Overloaded => (503, "overloaded", "The server is busy"),
        Problem.Draining => (503, "draining", "The server is stopping"),
        Problem.StorageUnavailable => (503, "storage-unavailable", "The storage is not available"),
        Problem.DependencyUnavailable => (503, "dependency-unavailable", "A service that is needed is not available"),
        Problem.Timeout => (504, "timeout", "The request took too long"),
        Problem.InsufficientStorage => (507, "insufficient-storage", "The disk is full"),
        _ => throw new ArgumentOutOfRangeException(nameof(problem)),
    };
}
