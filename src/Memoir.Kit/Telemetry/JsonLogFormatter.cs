using System.Buffers;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;

namespace Memoir.Kit.Telemetry;

/// <summary>Prints a log event as one JSON object on one line, whatever its text contains.</summary>
internal sealed class JsonLogFormatter(TimeProvider time) : ConsoleFormatter(FormatterName)
{
    public const string FormatterName = "memoir-json";

    private const int InnerExceptions = 5;
    private const int KeptBuffer = 64 * 1024;

    // Escapes every control character, U+2028 and U+2029 and lone surrogates; leaves other scripts readable.
    private static readonly JsonWriterOptions Options =
        new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    [ThreadStatic]
    private static Scratch? _scratch;

    public override void Write<TState>(in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
    {
        var scratch = _scratch ??= new Scratch();
        object? state = logEntry.State;
        var json = scratch.Json;

        json.WriteStartObject();
        json.WriteString("timestamp"u8, time.GetUtcNow().UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture));
        json.WriteString("level"u8, JsonLogging.LevelName(logEntry.LogLevel));
        json.WriteString("category"u8, logEntry.Category);
        json.WriteString("message"u8, logEntry.Formatter(logEntry.State, logEntry.Exception));
        if (JsonLogging.RequestId(state, scopeProvider) is { } requestId)
        {
            json.WriteString("request_id"u8, requestId);
        }

        if (Activity.Current is { IdFormat: ActivityIdFormat.W3C } activity)
        {
            json.WriteString("trace_id"u8, activity.TraceId.ToHexString());
        }

        WriteFields(json, state);
        if (logEntry.Exception is { } exception)
        {
            json.WritePropertyName("exception"u8);
            WriteException(json, exception, 0);
        }

        json.WriteEndObject();
        json.Flush();
        scratch.MoveTo(textWriter);
        if (scratch.Capacity > KeptBuffer)
        {
            _scratch = null;
        }
    }

    private static void WriteFields(Utf8JsonWriter json, object? state)
    {
        if (state is not IReadOnlyList<KeyValuePair<string, object?>> { Count: > 1 } fields)
        {
            return;
        }

        json.WriteStartObject("fields"u8);
        for (var i = 0; i < fields.Count; i++)
        {
            var (name, value) = fields[i];
            if (name is not ("{OriginalFormat}" or JsonLogging.RequestIdField))
            {
                json.WritePropertyName(JsonNamingPolicy.SnakeCaseLower.ConvertName(name));
                WriteValue(json, value);
            }
        }

        json.WriteEndObject();
    }

    private static void WriteValue(Utf8JsonWriter json, object? value)
    {
        switch (value)
        {
            case null: json.WriteNullValue(); break;
            case string text: json.WriteStringValue(text); break;
            case bool flag: json.WriteBooleanValue(flag); break;
            case int number: json.WriteNumberValue(number); break;
            case long number: json.WriteNumberValue(number); break;
            case double number when double.IsFinite(number): json.WriteNumberValue(number); break;
            case TimeSpan span: json.WriteNumberValue(span.TotalSeconds); break;
            case DateTimeOffset instant: json.WriteStringValue(instant.UtcDateTime); break;
            case IFormattable formattable: json.WriteStringValue(formattable.ToString(null, CultureInfo.InvariantCulture)); break;
            default: json.WriteStringValue(value.ToString()); break;
        }
    }

    private static void WriteException(Utf8JsonWriter json, Exception exception, int depth)
    {
        json.WriteStartObject();
        json.WriteString("type"u8, exception.GetType().FullName);
        json.WriteString("message"u8, exception.Message);
        json.WriteString("stack"u8, exception.StackTrace);
        if (exception.InnerException is { } inner && depth < InnerExceptions)
        {
            json.WritePropertyName("inner"u8);
            WriteException(json, inner, depth + 1);
        }

        json.WriteEndObject();
    }

    /// <summary>The buffers of one thread, so that a log event allocates little.</summary>
    private sealed class Scratch
    {
        private readonly ArrayBufferWriter<byte> _bytes = new(1024);

        public Scratch() => Json = new Utf8JsonWriter(_bytes, Options);

        public Utf8JsonWriter Json { get; }

        public int Capacity => _bytes.Capacity;

        public void MoveTo(TextWriter target)
        {
            var chars = ArrayPool<char>.Shared.Rent(_bytes.WrittenCount + 1);
            var length = Encoding.UTF8.GetChars(_bytes.WrittenSpan, chars);
            chars[length] = '\n';
            target.Write(chars, 0, length + 1);
            ArrayPool<char>.Shared.Return(chars, clearArray: true);
            _bytes.ResetWrittenCount();
            Json.Reset();
        }
    }
}
