using System.Globalization;
using System.Text.RegularExpressions;
using Npgsql;

namespace Memoir.Kit.Data.Postgres;

/// <summary>Reads <c>postgresql://user:password@host:5432/name?sslmode=require</c>, the form that every tool of PostgreSQL takes.</summary>
internal static partial class PostgresAddress
{
    private const string Form = "must be postgresql://USER:PASSWORD@HOST:PORT/NAME, with special characters in percent encoding";

    private static readonly string[] Schemes = ["postgresql://", "postgres://", "postgresql+asyncpg://", "postgresql+psycopg://"];

    public static bool IsOne(string url) => Array.Exists(Schemes, scheme => url.StartsWith(scheme, StringComparison.Ordinal));

    /// <exception cref="StartupException">It is no such address. The text never repeats it, for it may hold a password.</exception>
    public static NpgsqlConnectionStringBuilder Parse(string url, string variable)
    {
        var scheme = Array.Find(Schemes, s => url.StartsWith(s, StringComparison.Ordinal));
        if (scheme is null || !Uri.TryCreate(string.Concat("postgresql://", url.AsSpan(scheme.Length)), UriKind.Absolute, out var uri))
        {
            throw Wrong(variable, Form);
        }

        var user = uri.UserInfo.Split(':', 2);
        var name = Uri.UnescapeDataString(uri.AbsolutePath.TrimStart('/'));
        var built = new NpgsqlConnectionStringBuilder
        {
            Host = uri.Host.Trim('[', ']'),
            Port = uri.Port > 0 ? uri.Port : 5432,
            Username = Uri.UnescapeDataString(user[0]),
            Password = user.Length == 2 ? Uri.UnescapeDataString(user[1]) : null,
            Database = name,
        };

        // First: a question mark in a password leaves an address without these, and the rest of the password as options.
        if (built.Username.Length == 0 || name.Length == 0)
        {
            throw Wrong(variable, Form);
        }

        foreach (var pair in uri.Query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var (key, value) = pair.Split('=', 2) is [var k, var v] ? (k, Uri.UnescapeDataString(v)) : (pair, "");
            Apply(built, key, value, variable);
        }

        return string.IsNullOrEmpty(built.Host) ? throw Wrong(variable, Form) : built;
    }

    private static void Apply(NpgsqlConnectionStringBuilder built, string key, string value, string variable)
    {
        switch (key)
        {
            case "sslmode" or "ssl" when Enum.TryParse<SslMode>(value.Replace("-", "", StringComparison.Ordinal), ignoreCase: true, out var mode):
                built.SslMode = mode;
                break;
            case "sslrootcert":
                built.RootCertificate = value;
                break;
            case "channel_binding" when Enum.TryParse<ChannelBinding>(value, ignoreCase: true, out var binding) && Enum.IsDefined(binding):
                built.ChannelBinding = binding;
                break;
            case "host": // A folder: the socket in it.
                built.Host = value;
                break;
            case "connect_timeout" when int.TryParse(value, CultureInfo.InvariantCulture, out var seconds) && seconds is > 0 and <= 300:
                built.Timeout = seconds;
                break;
            default:
                var unknown = OptionName().IsMatch(key) ? $"not {key} with that value" : "and nothing else"; // Anything may stand there.
                throw Wrong(variable, $"knows sslmode, sslrootcert, channel_binding, host and connect_timeout after the question mark, {unknown}");
        }
    }

    private static StartupException Wrong(string variable, string complaint) =>
        new($"{variable}: {complaint}. Example: {variable}=postgresql://memoir:secret@127.0.0.1:5432/memoir");

    [GeneratedRegex("^[a-z_]+\\z")]
    private static partial Regex OptionName();
}
