using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;
using Memoir.Kit.CommandLine;

namespace Memoir.Kit.Telemetry;

/// <summary>Prints a log event as a short line for a person; text that could move the cursor or fake a line is escaped.</summary>
internal sealed class TerminalLogFormatter(TimeProvider time) : ConsoleFormatter(FormatterName)
{
    public const string FormatterName = "memoir-terminal";

    public override void Write<TState>(in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
    {
        var line = new StringBuilder(160);
        line.Append(time.GetLocalNow().ToString("HH:mm:ss.fff", CultureInfo.InvariantCulture))
            .Append(' ').Append(JsonLogging.LevelName(logEntry.LogLevel).PadRight(8))
            .Append(logEntry.Category.AsSpan(logEntry.Category.LastIndexOf('.') + 1)).Append(": ");
        PrintableText.Append(line, logEntry.Formatter(logEntry.State, logEntry.Exception));
        if (JsonLogging.RequestId(logEntry.State, scopeProvider) is { } requestId)
        {
            line.Append(" request_id=");
            PrintableText.Append(line, requestId);
        }

        for (var exception = logEntry.Exception; exception is not null; exception = exception.InnerException)
        {
            line.Append("\n    ").Append(exception.GetType().FullName).Append(": ");
            PrintableText.Append(line, exception.Message);
            foreach (var frame in (exception.StackTrace ?? "").Split('\n', StringSplitOptions.RemoveEmptyEntries))
            {
                line.Append("\n    ");
                PrintableText.Append(line, frame.TrimEnd('\r'));
            }
        }

        textWriter.Write(line.Append('\n'));
    }
}
