using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Memoir.Kit.Http.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Memoir.Kit.Http;

/// <summary>A finished answer: what is sent now is what an idempotent retry gets again.</summary>
/// <param name="Status">The HTTP status code.</param>
/// <param name="Body">The JSON body; empty for none.</param>
/// <param name="Location">The <c>Location</c> header, or null.</param>
public sealed record Answer(int Status, ReadOnlyMemory<byte> Body, string? Location) : IResult
{
    public const string Json = "application/json";

    /// <summary>The <c>ETag</c> header, or null.</summary>
    public string? ETag { get; init; }

    /// <summary>The <c>Warning</c> header, or null; a repetition does not get it again.</summary>
    public string? Warning { get; init; }

    public static Answer NoContent { get; } = new(StatusCodes.Status204NoContent, default, null);

    public static Answer Ok<T>(T value, JsonTypeInfo<T> type) => Of(StatusCodes.Status200OK, value, type, null);

    public static Answer Of<T>(int status, T value, JsonTypeInfo<T> type, string? location)
    {
        using var buffer = new PooledBuffer();
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = type.Options.Encoder, SkipValidation = true }))
        {
            JsonSerializer.Serialize(writer, value, type);
        }

        return new Answer(status, buffer.ToArray(), location);
    }

    public Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        response.StatusCode = Status;
        if (Location is not null)
        {
            response.Headers.Location = Location;
        }

        if (ETag is not null)
        {
            response.Headers.ETag = ETag;
        }

        if (Warning is not null)
        {
            response.Headers.Warning = Warning;
        }

        if (Body.IsEmpty)
        {
            return Task.CompletedTask;
        }

        response.ContentType = Json;
        response.ContentLength = Body.Length;
        return httpContext.RequestServices.GetRequiredService<Transfers>().WriteAsync(httpContext, Body);
    }
}
