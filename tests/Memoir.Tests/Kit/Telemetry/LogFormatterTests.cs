using System.Text.Json;
using Memoir.Kit.Telemetry;
using Memoir.Tests.Testing;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;

namespace Memoir.Tests.Kit.Telemetry;

/// <summary>One event is one line, whatever a caller managed to put into it.</summary>
public sealed class LogFormatterTests
{
    private const string Hostile = "a\r\nb\tc\u0000\u001b[31m\u007f\u0085\u009b\u2028\u2029\ud800\"\\é漢";

    [Fact]
    public void A_json_line_carries_time_level_category_message_and_fields()
    {
        var line = Write(Json(), LogLevel.Warning, "Stored 3 messages.", null, [new("Count", 3), new("MessageId", "m1"), new("Took", 0.5)]);

        Assert.Equal(
            """{"timestamp":"2026-01-15T12:00:00.000000Z","level":"WARNING","category":"Memoir.Tests","message":"Stored 3 messages.","fields":{"count":3,"message_id":"m1","took":0.5}}""" + "\n",
            line);
    }

    [Fact]
    public void The_request_id_is_the_one_the_request_has_by_now()
    {
        var http = new DefaultHttpContext { TraceIdentifier = "given by the server" };
        var request = new JsonLogging.RequestScope(http);
        var scopes = new LoggerExternalScopeProvider();
        using var host = scopes.Push(new List<KeyValuePair<string, object?>> { new("RequestId", "given by the server"), new("RequestPath", "/v1/users/secret") });
        using var scope = scopes.Push(request);
        http.TraceIdentifier = "r-1";

        var during = Write(Json(), LogLevel.Information, "text", null, [], scopes);
        request.Freeze();
        http.TraceIdentifier = "the next request";
        var after = Write(Json(), LogLevel.Information, "text", null, [], scopes);

        Assert.Contains("\"request_id\":\"r-1\"", during, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", during, StringComparison.Ordinal);
        Assert.Equal(during, after);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Hostile_text_stays_on_its_line_and_sends_nothing_to_the_terminal(bool json)
    {
        ConsoleFormatter formatter = json ? Json() : new TerminalLogFormatter(new ManualTime());

        var line = Write(formatter, LogLevel.Information, Hostile, null, [new("Field", Hostile)]);

        Assert.EndsWith("\n", line, StringComparison.Ordinal);
        Assert.DoesNotContain(line[..^1], c => char.IsControl(c) || c is '\u2028' or '\u2029');
        Assert.Contains("é漢", line, StringComparison.Ordinal);
    }

    [Fact]
    public void What_was_escaped_in_json_is_read_back_unchanged()
    {
        var line = Write(Json(), LogLevel.Information, Hostile, null, []);

        var message = JsonDocument.Parse(line).RootElement.GetProperty("message").GetString();

        Assert.Equal(Hostile.Replace('\ud800', '\ufffd'), message);
    }

    [Fact]
    public void An_exception_carries_type_message_stack_and_cause()
    {
        var exception = Assert.Throws<Memoir.Kit.Data.StartupException>(Fail);

        var logged = JsonDocument.Parse(Write(Json(), LogLevel.Error, "text", exception, [])).RootElement.GetProperty("exception");

        Assert.Equal("System.InvalidOperationException", logged.GetProperty("type").GetString());
        Assert.Equal("outer\nline", logged.GetProperty("message").GetString());
        Assert.Contains(nameof(Fail), logged.GetProperty("stack").GetString(), StringComparison.Ordinal);
        Assert.Equal("inner", logged.GetProperty("inner").GetProperty("message").GetString());
    }

    [Fact]
    public void A_terminal_line_is_short_and_names_the_request()
    {
        var line = Write(new TerminalLogFormatter(new ManualTime()), LogLevel.Information, "Listening.", null, [new("RequestId", "r-1")]);

        Assert.Matches(@"^\d\d:\d\d:\d\d\.\d{3} INFO    Tests: Listening\. request_id=r-1\n$", line);
    }

    [Theory]
    [InlineData(null, LogLevel.Information)]
    [InlineData("", LogLevel.Information)]
    [InlineData("TRACE", LogLevel.Trace)]
    [InlineData("debug", LogLevel.Debug)]
    [InlineData(" INFO ", LogLevel.Information)]
    [InlineData("Warning", LogLevel.Warning)]
    [InlineData("ERROR", LogLevel.Error)]
    public void A_level_is_named_as_the_variable_spells_it(string? name, LogLevel level) => Assert.Equal(level, JsonLogging.ParseLevel(name));

    [Fact]
    public void An_unknown_level_names_the_variable_and_an_example()
    {
        var fault = Assert.Throws<Memoir.Kit.Data.StartupException>(() => JsonLogging.ParseLevel("LOUD"));

        Assert.Equal("MEMORY_LOG_LEVEL: must be one of TRACE, DEBUG, INFO, WARNING, ERROR. Example: MEMORY_LOG_LEVEL=INFO", fault.Message);
    }

    private static void Fail() => throw new InvalidOperationException("outer\nline", new ArgumentException("inner"));

    private static JsonLogFormatter Json() => new(new ManualTime());

    private static string Write(
        ConsoleFormatter formatter,
        LogLevel level,
        string message,
        Exception? exception,
        List<KeyValuePair<string, object?>> fields,
        IExternalScopeProvider? scopes = null)
    {
        using var output = new StringWriter();
        fields.Add(new("{OriginalFormat}", "template"));
        var entry = new LogEntry<List<KeyValuePair<string, object?>>>(level, "Memoir.Tests", default, fields, exception, (_, _) => message);
        formatter.Write(in entry, scopes, output);
        return output.ToString();
    }
}
