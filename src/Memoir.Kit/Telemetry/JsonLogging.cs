using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using Memoir.Kit.Data;

namespace Memoir.Kit.Telemetry;

/// <summary>Logs go to stdout: one JSON object per line for machines, one short line for a person at a terminal.</summary>
public static class JsonLogging
{
    public const string LevelVariable = "MEMORY_LOG_LEVEL";

    internal const string RequestIdField = "RequestId";

    // A reader of stdout that stands still must not stop the service: beyond this, lines are dropped and counted.
    private const int QueuedLines = 16_384;

    [ThreadStatic]
    private static Found? _found;

    /// <exception cref="StartupException">The level's name is unknown; the text is one line for the operator.</exception>
    public static void AddKitLogging(this IHostApplicationBuilder builder)
    {
        var configured = builder.Configuration[LevelVariable] ?? builder.Configuration["Memory:LogLevel"];
        var level = ParseLevel(configured);

        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Logging.ClearProviders();
        builder.Logging.SetMinimumLevel(level);
        builder.Logging.AddFilter("Microsoft", Framework(level));
        builder.Logging.AddFilter("System", Framework(level));
        builder.Logging.AddConsole(options =>
        {
            options.FormatterName = Console.IsOutputRedirected ? JsonLogFormatter.FormatterName : TerminalLogFormatter.FormatterName;
            options.MaxQueueLength = QueuedLines;
            options.QueueFullMode = ConsoleLoggerQueueFullMode.DropWrite;
        });
        builder.Logging.AddConsoleFormatter<JsonLogFormatter, ConsoleFormatterOptions>();
        builder.Logging.AddConsoleFormatter<TerminalLogFormatter, ConsoleFormatterOptions>();
    }

    /// <summary>Names as the environment variable spells them; nothing means INFO.</summary>
    internal static LogLevel ParseLevel(string? name) => name?.Trim().ToUpperInvariant() switch
    {
        null or "" or "INFO" => LogLevel.Information,
        "TRACE" => LogLevel.Trace,
        "DEBUG" => LogLevel.Debug,
        "WARNING" => LogLevel.Warning,
        "ERROR" => LogLevel.Error,
        _ => throw new StartupException(
            $"{LevelVariable}: must be one of TRACE, DEBUG, INFO, WARNING, ERROR. Example: {LevelVariable}=INFO"),
    };

    internal static string LevelName(LogLevel level) => level switch
    {
        LogLevel.Trace => "TRACE",
        LogLevel.Debug => "DEBUG",
        LogLevel.Information => "INFO",
        LogLevel.Warning => "WARNING",
        LogLevel.Error => "ERROR",
        _ => "CRITICAL",
    };

    private static LogLevel Framework(LogLevel level) => level > LogLevel.Warning ? level : LogLevel.Warning;

    /// <summary>The id of the request that an event belongs to, from its own fields or the scopes around it.</summary>
    internal static string? RequestId(object? state, IExternalScopeProvider? scopes)
    {
        var own = RequestIdIn(state);
        if (own is not null || scopes is null)
        {
            return own;
        }

        var found = _found ??= new Found();
        found.Value = null;

        // Not the host's own scope: it keeps the id the request had before the caller's was taken over.
        scopes.ForEachScope(static (scope, result) => result.Value = (scope as RequestScope)?.Id ?? result.Value, found);
        return found.Value;
    }

    private static string? RequestIdIn(object? state)
    {
        if (state is IReadOnlyList<KeyValuePair<string, object?>> fields)
        {
            for (var i = 0; i < fields.Count; i++)
            {
                if (fields[i].Key == RequestIdField)
                {
                    return fields[i].Value as string;
                }
            }
        }

        return null;
    }

    private sealed class Found
    {
        public string? Value { get; set; }
    }

    /// <summary>Marks everything logged during a request with its id, whichever step of the pipeline decides it.</summary>
    internal sealed class RequestScope(HttpContext http)
    {
        private HttpContext? _http = http;
        private string _id = "";

        public string Id => _http is { } current ? current.TraceIdentifier : _id;

        /// <summary>The server uses the context for another request next; what still runs in this scope must not read that one's id.</summary>
        public void Freeze()
        {
            _id = Id;
            _http = null;
        }

        public override string ToString() => $"{RequestIdField}:{Id}";
    }
}
