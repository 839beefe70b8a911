using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Memoir.Tests.Testing;

/// <summary>A collector of traces on loopback: takes OTLP over HTTP and reads as much of its protobuf as spans need.</summary>
internal sealed class OtlpReceiver : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<ReceivedSpan> _spans = new();

    private OtlpReceiver(WebApplication app) => _app = app;

    /// <summary>The address for MEMORY_OTLP_ENDPOINT.</summary>
    public string Url { get; private set; } = "";

    public IReadOnlyList<ReceivedSpan> Spans => [.. _spans];

    public static async Task<OtlpReceiver> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        var receiver = new OtlpReceiver(app);
        app.Run(receiver.TakeAsync);
        await app.StartAsync();
        receiver.Url = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        return receiver;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task TakeAsync(HttpContext http)
    {
        if (http.Request is not { Method: "POST", Path.Value: "/v1/traces", ContentType: "application/x-protobuf" })
        {
            http.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        using var body = new MemoryStream();
        await http.Request.Body.CopyToAsync(body, http.RequestAborted);
        foreach (var resource in Message.Read(body.ToArray()).Messages(1))
        {
            var attributes = resource.Messages(1).SelectMany(r => r.Attributes(1)).ToDictionary();
            foreach (var span in resource.Messages(2).SelectMany(scope => scope.Messages(2)))
            {
                _spans.Enqueue(ReceivedSpan.Of(span, attributes));
            }
        }

        http.Response.ContentType = "application/x-protobuf";
    }

    /// <summary>The fields of one protobuf message, by number.</summary>
    internal sealed class Message
    {
        private readonly List<(int Field, ulong Number, byte[] Bytes)> _fields = [];

        public static Message Read(ReadOnlySpan<byte> bytes)
        {
            var message = new Message();
            while (!bytes.IsEmpty)
            {
                var key = Varint(ref bytes);
                var field = (int)(key >> 3);
                switch (key & 7)
                {
                    case 0:
                        message._fields.Add((field, Varint(ref bytes), []));
                        break;
                    case 1:
                        message._fields.Add((field, BinaryPrimitives.ReadUInt64LittleEndian(bytes), []));
                        bytes = bytes[8..];
                        break;
                    case 2:
                        var length = (int)Varint(ref bytes);
                        message._fields.Add((field, 0, bytes[..length].ToArray()));
                        bytes = bytes[length..];
                        break;
                    case 5:
                        message._fields.Add((field, BinaryPrimitives.ReadUInt32LittleEndian(bytes), []));
                        bytes = bytes[4..];
                        break;
                    default:
                        throw new InvalidDataException($"wire type {key & 7}");
                }
            }

            return message;
        }

        public IEnumerable<Message> Messages(int field) => _fields.Where(f => f.Field == field).Select(f => Read(f.Bytes));

        public string Text(int field) => Encoding.UTF8.GetString(Bytes(field));

        public string Hex(int field) => Convert.ToHexStringLower(Bytes(field));

        public ulong Number(int field) => _fields.LastOrDefault(f => f.Field == field).Number;

        public Dictionary<string, string> Attributes(int field) => Messages(field).ToDictionary(pair => pair.Text(1), pair => pair.Messages(2).Single().Value());

        private string Value() => _fields.Single() switch
        {
            (1, _, var text) => Encoding.UTF8.GetString(text),
            (2, var flag, _) => flag == 1 ? "true" : "false",
            (3, var number, _) => ((long)number).ToString(CultureInfo.InvariantCulture),
            (4, var bits, _) => BitConverter.UInt64BitsToDouble(bits).ToString(CultureInfo.InvariantCulture),
            var (other, _, _) => $"kind {other}",
        };

        private byte[] Bytes(int field) => _fields.LastOrDefault(f => f.Field == field).Bytes ?? [];

        private static ulong Varint(ref ReadOnlySpan<byte> bytes)
        {
            var value = 0UL;
            for (var shift = 0; ; shift += 7)
            {
                var next = bytes[0];
                bytes = bytes[1..];
                value |= (ulong)(next & 0x7f) << shift;
                if (next < 0x80)
                {
                    return value;
                }
            }
        }
    }
}

/// <summary>A span as a collector gets it; kinds: 1 internal, 2 server, 3 client, 5 consumer.</summary>
internal sealed record ReceivedSpan(
    string Trace, string Id, string Parent, string Name, int Kind, IReadOnlyDictionary<string, string> Attributes, IReadOnlyList<string> Links,
    bool IsError, IReadOnlyDictionary<string, string> Resource)
{
    public static ReceivedSpan Of(OtlpReceiver.Message span, IReadOnlyDictionary<string, string> resource) => new(
        span.Hex(1), span.Hex(2), span.Hex(4), span.Text(5), (int)span.Number(6), span.Attributes(9),
        [.. span.Messages(13).Select(link => $"{link.Hex(1)}-{link.Hex(2)}")], span.Messages(15).Any(status => status.Number(3) == 2), resource);
}
