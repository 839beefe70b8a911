using System.Buffers;
using System.Text.Json;
using Memoir.Kit.Audit;
using Memoir.Kit.Data;
using Memoir.Server.Wire;
using Microsoft.AspNetCore.Http.Timeouts;

namespace Memoir.Server.Audit;

/// <summary>
/// All matching records as JSON lines, newest first: read in portions of their own short transactions and written in small
/// pieces, so that a slow reader holds neither a transaction nor memory.
/// </summary>
internal sealed class AuditExport(AuditTrail trail, LongReads reads, Tenant tenant, AuditFilter filter, string mediaType) : IResult
{
    private const int Portion = 500;
    private const int Piece = 32 * 1024;

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        using var place = reads.Enter($"export\n{tenant}");
        var ct = httpContext.RequestAborted;
        httpContext.Features.Get<IHttpRequestTimeoutFeature>()?.DisableTimeout(); // The rest is the reader's pace.
        var found = await trail.ListAsync(tenant, filter, before: null, Portion, ct);
        httpContext.Response.ContentType = mediaType;
        while (found.Count > 0)
        {
            await WriteAsync(httpContext.Response, found, ct);
            found = found.Count < Portion ? [] : await trail.ListAsync(tenant, filter, (found[^1].At, found[^1].Id), Portion, ct);
        }
    }

    private static async Task WriteAsync(HttpResponse response, IReadOnlyList<AuditEntry> entries, CancellationToken ct)
    {
        var type = WireJson.Of<AuditRecordResponse>();
        var piece = new ArrayBufferWriter<byte>(2 * Piece);
        foreach (var entry in entries)
        {
            using (var json = new Utf8JsonWriter(piece, new JsonWriterOptions { Encoder = type.Options.Encoder }))
            {
                JsonSerializer.Serialize(json, AuditFeature.ToResponse(entry), type);
            }

            piece.GetSpan(1)[0] = (byte)'\n';
            piece.Advance(1);
            if (piece.WrittenCount >= Piece)
            {
                await response.BodyWriter.WriteAsync(piece.WrittenMemory, ct);
                piece.ResetWrittenCount();
            }
        }

        await response.BodyWriter.WriteAsync(piece.WrittenMemory, ct);
    }
}
