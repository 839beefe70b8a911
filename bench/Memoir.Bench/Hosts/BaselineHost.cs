using System.Globalization;
using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Memoir.Bench.Hosts;

/// <summary>The least a server of this kind can do: an empty endpoint and a JSON echo, without logging, in a process of its own.</summary>
internal static class BaselineHost
{
    public const string Command = "baseline-host";

    public static async Task<int> RunAsync(string port, CancellationToken ct)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.Configure<KestrelServerOptions>(kestrel =>
            kestrel.Listen(IPAddress.Loopback, int.Parse(port, CultureInfo.InvariantCulture)));
        builder.Services.ConfigureHttpJsonOptions(json =>
            json.SerializerOptions.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower);

        await using var app = builder.Build();
        app.MapGet("/", () => TypedResults.Ok());
        app.MapPost("/echo", (EchoMessage message) => TypedResults.Ok(message));
        await app.StartAsync(ct);
        await app.WaitForShutdownAsync(ct);
        return 0;
    }
}

/// <summary>The message contract, as the echo reads and writes it.</summary>
internal sealed record EchoMessage(
    string TenantId,
    string ConversationId,
    string? UserId,
    string Role,
    string? Name,
    string Content,
    JsonElement? Metadata,
    double? ImportanceOverride,
    string? ExternalId,
    DateTimeOffset? CreatedAt);
