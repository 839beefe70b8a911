using System.Globalization;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Memoir.Tests.Testing;

namespace Memoir.Tests.Hostile;

/// <summary>The real program with two tenants in it, met over raw connections.</summary>
public sealed class HostileServer : IAsyncLifetime
{
    internal const string OperatorKey = "operator-key-of-the-hostile-tests";

    /// <summary>Where cases may store; everything else stays as it was made.</summary>
    internal const string Scratch = "scratch";

    private static readonly string[] Watched = ["acme", "globex"];

    private readonly string _folder = Directory.CreateTempSubdirectory("memoir-hostile-").FullName;
    private readonly Dictionary<string, string> _keys = [];
    private ServerProcess? _server;

    internal ServerProcess Server => _server!;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _server = await ServerProcess.StartAsync(_folder, ("MEMORY_API_KEYS", OperatorKey), ("MEMORY_ALLOWED_HOSTS", "localhost"));
        foreach (var tenant in Watched)
        {
            using var client = Client(tenant);
            var key = await (await client.PostAsJsonAsync("/v1/admin/keys", new { tenant_id = tenant, name = "test" }, Ct)).Content.ReadFromJsonAsync<JsonElement>(Ct);
            _keys[tenant] = key.GetProperty("key").GetString()!;
            await client.StoreManyAsync(Enumerable.Range(0, 5).Select(i => Wire.Message(
                $"{tenant} drinks tea number {i}", ("tenant_id", tenant), ("external_id", $"{i}"), ("conversation_id", tenant))));
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    internal string KeyOf(string tenant) => _keys[tenant];

    /// <summary>Sends the bytes as they are, with the placeholders of keys filled in, and reads until the server closes or has answered.</summary>
    internal async Task<RawAnswer> SendAsync(byte[] request, int answers = 1)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(Server.Address.Host, Server.Address.Port, Ct);
        var stream = client.GetStream();
        try
        {
            await stream.WriteAsync(WithKeys(request), Ct);
        }
        catch (IOException)
        {
            // Refused and closed before all of it was sent: what it answered is there to read.
        }

        return await RawAnswer.ReadAsync(stream, answers, Ct);
    }

    /// <summary>What both tenants hold and who may reach it: equal before and after every case.</summary>
    internal async Task<string> StateAsync()
    {
        var state = new StringBuilder();
        foreach (var tenant in Watched)
        {
            using var client = Client(tenant);
            foreach (var url in (string[])[$"/v1/conversations/{tenant}/messages", "/v1/conversations", "/v1/admin/keys"])
            {
                state.AppendLine(await client.GetStringAsync(url, Ct));
            }
        }

        return WithoutWhatAges(state.ToString());
    }

    internal HttpClient Client(string tenant)
    {
        var client = Server.Client();
        client.DefaultRequestHeaders.Add("x-api-key", OperatorKey);
        client.DefaultRequestHeaders.Add("X-Tenant-ID", tenant);
        return client;
    }

    private static string WithoutWhatAges(string state) =>
        System.Text.RegularExpressions.Regex.Replace(state, "\"(importance_score|last_used_at)\":[^,}]*", "");

    private byte[] WithKeys(byte[] request)
    {
        if (request.AsSpan().IndexOf("{{"u8) < 0)
        {
            return request;
        }

        var text = Encoding.Latin1.GetString(request).Replace("{{operator}}", OperatorKey, StringComparison.Ordinal);
        foreach (var (tenant, key) in _keys)
        {
            text = text.Replace("{{" + tenant + "}}", key, StringComparison.Ordinal);
        }

        return Encoding.Latin1.GetBytes(text);
    }
}

/// <summary>What came back over a raw connection.</summary>
/// <param name="Answers">Status and body of each answer.</param>
/// <param name="IsClosed">The server closed the connection.</param>
/// <param name="Bytes">Everything, as it came.</param>
internal sealed record RawAnswer(IReadOnlyList<(int Status, string Head, string Body)> Answers, bool IsClosed, byte[] Bytes)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    public static async Task<RawAnswer> ReadAsync(NetworkStream stream, int answers, CancellationToken ct)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(Patience);
        var bytes = new MemoryStream();
        var buffer = new byte[64 * 1024];
        while (true)
        {
            var parsed = Parse(bytes.ToArray());
            if (parsed.Count >= answers && !parsed[^1].Head.Contains("Connection: close", StringComparison.OrdinalIgnoreCase))
            {
                return new RawAnswer(parsed, IsClosed: false, bytes.ToArray());
            }

            int read;
            try
            {
                read = await stream.ReadAsync(buffer, limit.Token);
            }
            catch (IOException)
            {
                read = 0; // Reset: closed with our bytes unread.
            }

            if (read == 0)
            {
                return new RawAnswer(parsed, IsClosed: true, bytes.ToArray());
            }

            bytes.Write(buffer, 0, read);
        }
    }

    private static List<(int Status, string Head, string Body)> Parse(byte[] bytes)
    {
        var found = new List<(int Status, string Head, string Body)>();
        var text = Encoding.Latin1.GetString(bytes);
        for (var at = 0; text.AsSpan(at).StartsWith("HTTP/1.1 ", StringComparison.Ordinal);)
        {
            var end = text.IndexOf("\r\n\r\n", at, StringComparison.Ordinal);
            if (end < 0)
            {
                break;
            }

            var head = text[at..end];
            var status = int.Parse(head.AsSpan(9, 3), CultureInfo.InvariantCulture);
            at = end + 4;
            if (status == 100)
            {
                continue;
            }

            var length = LengthOf(head);
            if (at + length > text.Length)
            {
                break;
            }

            found.Add((status, head, Encoding.UTF8.GetString(Encoding.Latin1.GetBytes(text.Substring(at, length)))));
            at += length;
        }

        return found;
    }

    private static int LengthOf(string head)
    {
        const string name = "Content-Length: ";
        var at = head.IndexOf(name, StringComparison.OrdinalIgnoreCase);
        if (at < 0)
        {
            return 0;
        }

        var value = head[(at + name.Length)..].Split('\r')[0];
        return int.Parse(value, CultureInfo.InvariantCulture);
    }
}
