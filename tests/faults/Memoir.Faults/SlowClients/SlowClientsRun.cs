using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Memoir.Bench.Hosts;

namespace Memoir.Faults.SlowClients;

/// <summary>One server, honest traffic, and one kind of slow client after the other.</summary>
internal sealed class SlowClientsRun(SlowClientsOptions options, ServerProcess server)
{
    private const int MostBytesEach = 64 * 1024;
    /// <summary>The pool of the honest client may open another connection.</summary>
    private const int Spare = 2;

    private const long MostBytesOfReaders = 384L * 1024 * 1024;

    public static readonly JsonSerializerOptions Unescaped = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly List<Socket> _stuck = [];
    private double _idle;
    private int _quiet;

    public int Broken { get; private set; }

    public async Task RunAsync(CancellationToken ct)
    {
        using var honest = new HonestTraffic(new Uri($"http://127.0.0.1:{server.Endpoint.Port}"));
        honest.Client.DefaultRequestHeaders.Add("x-api-key", SlowClientsCommand.Key);
        await AnswersAsync(honest.Client, ct);
        await StoreAsync(honest.Client, ct);
        await honest.RunAsync(TimeSpan.FromSeconds(2), ct); // The first requests pay for compilation.
        _idle = await honest.RunAsync(options.Calm, ct);
        Print($"idle: p95 {_idle:N2} ms, {server.ResidentBytes / 1024 / 1024} MiB");

        var (heaviest, seconds) = await new HeavyRequests(honest.Client, server).RunAsync(ct);
        Print($"heaviest request: {heaviest}, {seconds:N2} s of processor time");
        Require(seconds < 1, $"{heaviest} took {seconds:N2} s of processor time");

        const string head = "POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nx-api-key: " + SlowClientsCommand.Key + "\r\n";
        await HalfOpenAsync(honest, "headers that do not end", head, 17, ct);
        await HalfOpenAsync(honest, "bodies that stop", head + "Content-Length: 8000000\r\n\r\n{", 8, ct);
        if (!options.IsQuick)
        {
            await HalfOpenAsync(honest, "batches that stop", head.Replace("messages", "messages/batch", StringComparison.Ordinal) + "Content-Length: 8000000\r\n\r\n{", 8, ct);
        }

        await SlowReadersAsync(honest, "lists", "/v1/conversations/large/messages?limit=200", ct);
        await SlowReadersAsync(honest, "searches", "/v1/memory/search?query=kettle&top_k=100&neighbors=10", ct);
        Require(honest.Failures == 0, $"{honest.Failures} honest requests were refused");
    }

    private async Task HalfOpenAsync(HonestTraffic honest, string what, string bytes, int cutAfter, CancellationToken ct)
    {
        var count = options.HalfOpen;
        _quiet = Connections() + Spare;
        var before = server.ResidentBytes;
        var started = Stopwatch.GetTimestamp();
        for (var i = 0; i < count; i++)
        {
            await ConnectAsync(bytes, receiveBuffer: 0, ct);
        }

        var opened = Stopwatch.GetTimestamp();
        var p95 = await honest.RunAsync(options.Watched, ct);
        var each = Math.Max(0, server.ResidentBytes - before) / count;
        var seen = Connections() - _quiet;
        if (options.IsQuick && cutAfter > 10)
        {
            Print($"{count} {what}: {each / 1024.0:N1} KiB each, honest p95 {p95 / _idle:N2} x idle; their cut is not waited for");
            Require(each <= MostBytesEach, $"{what} cost {each} bytes each");
            Close();
            await CutAsync(opened, TimeSpan.FromSeconds(10), ct);
            return;
        }

        var cut = await CutAsync(opened, TimeSpan.FromSeconds(cutAfter + 10), ct);
        Print($"{count} {what}: {each / 1024.0:N1} KiB each ({seen} still open when measured), honest p95 {p95 / _idle:N2} x idle, all cut after {cut.TotalSeconds:N1} s");
        Require(each <= MostBytesEach, $"{what} cost {each} bytes each");
        Require(cut <= TimeSpan.FromSeconds(cutAfter) + (opened - started) * TimeSpan.FromSeconds(1) / Stopwatch.Frequency, $"{what} were cut after {cut.TotalSeconds:N1} s only");
    }

    private async Task SlowReadersAsync(HonestTraffic honest, string what, string target, CancellationToken ct)
    {
        _quiet = Connections() + Spare;
        var before = server.ResidentBytes;
        var opened = Stopwatch.GetTimestamp();
        var peak = before;
        for (var i = 0; i < options.Readers; i++)
        {
            await ConnectAsync($"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nx-api-key: {SlowClientsCommand.Key}\r\n\r\n", receiveBuffer: 4096, ct);
            await Task.Delay(100, ct);
            peak = Math.Max(peak, server.ResidentBytes);
        }

        var p95 = await honest.RunAsync(options.Watched, ct);
        peak = Math.Max(peak, server.ResidentBytes);
        var held = Connections() - _quiet;
        Print($"{options.Readers} slow readers of {what}: at most {(peak - before) / 1024 / 1024} MiB more, {held} still connected after {Stopwatch.GetElapsedTime(opened).TotalSeconds:N0} s, honest p95 {p95 / _idle:N2} x idle");
        Require(peak - before <= MostBytesOfReaders, $"slow readers of {what} cost {(peak - before) / 1024 / 1024} MiB");
        if (options.IsQuick)
        {
            Close();
            await CutAsync(opened, TimeSpan.FromSeconds(10), ct);
            return;
        }

        var cut = await CutAsync(opened, TimeSpan.FromSeconds(60), ct);
        Print($"  all cut {cut.TotalSeconds:N1} s after the first was opened");
        Require(cut < TimeSpan.FromSeconds(60), $"slow readers of {what} were not cut");
    }

    private async Task ConnectAsync(string bytes, int receiveBuffer, CancellationToken ct)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        if (receiveBuffer > 0)
        {
            socket.ReceiveBufferSize = receiveBuffer;
        }

        await socket.ConnectAsync(server.Endpoint, ct);
        await socket.SendAsync(Encoding.ASCII.GetBytes(bytes), SocketFlags.None, ct);
        _stuck.Add(socket);
    }

    /// <summary>Waits until the server has none of the slow connections any more, which it knows best.</summary>
    private async Task<TimeSpan> CutAsync(long since, TimeSpan patience, CancellationToken ct)
    {
        while (Connections() > _quiet && Stopwatch.GetElapsedTime(since) < patience)
        {
            await Task.Delay(100, ct);
        }

        Close();
        return Stopwatch.GetElapsedTime(since);
    }

    private void Close()
    {
        foreach (var socket in _stuck)
        {
            socket.Dispose();
        }

        _stuck.Clear();
    }

    private int Connections() => new DirectoryInfo($"/proc/{server.Id}/fd").EnumerateFiles().Count(file => file.LinkTarget?.StartsWith("socket:", StringComparison.Ordinal) == true);

    private async Task AnswersAsync(HttpClient client, CancellationToken ct)
    {
        while (true)
        {
            try
            {
                using var answer = await client.GetAsync(new Uri("/health", UriKind.Relative), ct);
                return;
            }
            catch (HttpRequestException) when (!server.HasExited)
            {
                await Task.Delay(50, ct);
            }
        }
    }

    /// <summary>The largest answers: 100 messages of 100,000 characters, three bytes each.</summary>
    private static async Task StoreAsync(HttpClient client, CancellationToken ct)
    {
        await StoreAsync(client, Enumerable.Range(0, 20).Select(i => Message("small", $"A kettle number {i}.")), ct);
        for (var i = 0; i < 5; i++)
        {
            await StoreAsync(client, Enumerable.Range(0, 20).Select(n => Message("large", "kettle " + new string('茶', 99_990))), ct);
        }
    }

    private static object Message(string conversation, string content) =>
        new { tenant_id = "default", conversation_id = conversation, role = "user", content };

    private static async Task StoreAsync(HttpClient client, IEnumerable<object> items, CancellationToken ct)
    {
        var json = JsonSerializer.Serialize(new { items }, Unescaped);
        using var answer = await client.PostAsync(
            new Uri("/v1/messages/batch", UriKind.Relative), new StringContent(json, Encoding.UTF8, "application/json"), ct);
        answer.EnsureSuccessStatusCode();
    }

    private static void Print(FormattableString line) => Console.WriteLine("slow: " + line.ToString(CultureInfo.InvariantCulture));

    private void Require(bool isTrue, string fault)
    {
        if (!isTrue)
        {
            Broken++;
            Console.WriteLine("slow: OUT OF BOUNDS: " + fault);
        }
    }
}
