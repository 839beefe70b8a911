using Memoir.Kit.Data;
using Memoir.Kit.Data.Postgres;
using Npgsql;

namespace Memoir.Tests.Kit.Data.Postgres;

public sealed class PostgresAddressTests
{
    private const string Secret = "s3cr3t-of-somebody";

    [Theory]
    [InlineData("postgresql://memoir:pw@db:6432/name", "memoir", "pw", "db", 6432, "name")]
    [InlineData("postgres://memoir:pw@db/name", "memoir", "pw", "db", 5432, "name")]
    [InlineData("postgresql+asyncpg://memoir:pw@db/name", "memoir", "pw", "db", 5432, "name")]
    [InlineData("postgresql+psycopg://memoir:pw@db/name", "memoir", "pw", "db", 5432, "name")]
    [InlineData("postgresql://memoir@db/name", "memoir", null, "db", 5432, "name")]
    [InlineData("postgresql://m%40x:p%3Aw%2F%3D%3B%27@[::1]:6432/n%20m", "m@x", "p:w/=;'", "::1", 6432, "n m")]
    [InlineData("postgresql://memoir:a:b@db/name", "memoir", "a:b", "db", 5432, "name")]
    public void An_address_is_read_in_the_form_of_other_tools(string url, string user, string? password, string host, int port, string name)
    {
        var address = PostgresAddress.Parse(url, "MEMORY_DATABASE_URL");

        Assert.Equal((user, password, host, port, name), (address.Username, address.Password, address.Host, address.Port, address.Database));
    }

    [Fact]
    public void What_follows_the_question_mark_is_a_short_closed_list()
    {
        var address = PostgresAddress.Parse(
            "postgresql://u:p@db/name?sslmode=verify-full&sslrootcert=%2Fetc%2Fca.pem&channel_binding=require&connect_timeout=7", "MEMORY_DATABASE_URL");
        var socket = PostgresAddress.Parse("postgresql://u:p@localhost/name?host=%2Frun%2Fpostgresql", "MEMORY_DATABASE_URL");

        Assert.Equal(
            (SslMode.VerifyFull, "/etc/ca.pem", ChannelBinding.Require, 7),
            (address.SslMode, address.RootCertificate, address.ChannelBinding, address.Timeout));
        Assert.Equal("/run/postgresql", socket.Host);
    }

    [Theory]
    [InlineData($"postgresql://u:{Secret}@db")]
    [InlineData($"postgresql://u:{Secret}@db/")]
    [InlineData($"postgresql://:{Secret}@db/name")]
    [InlineData($"postgresql://u:{Secret}@/name")]
    [InlineData($"postgresql://u:{Secret}@db:99999/name")]
    [InlineData($"postgresql://u:{Secret}@db/name?sslmode=perhaps")]
    [InlineData($"postgresql://u:{Secret}@db/name?options=-csearch_path%3Devil")]
    [InlineData($"postgresql://u:{Secret}@db/name?connect_timeout=0")]
    [InlineData($"postgresql://u:{Secret}@db/name?channel_binding=perhaps")]
    [InlineData($"postgresql://u:{Secret}@db/name?{Secret}")]
    [InlineData($"postgresql://u:12?{Secret}@db/name")] // A question mark in the password is the beginning of the rest.
    [InlineData($"postgresql://u:12?a&{Secret}&sslmode=require@db/name")]
    [InlineData($"postgresql://u@1/2?a&{Secret}@db/name")]
    [InlineData($"postgresql://u:{Secret}@db/name?password={Secret}")]
    [InlineData($"mysql://u:{Secret}@db/name")]
    public void Anything_else_is_refused_without_repeating_the_password(string url)
    {
        var refusal = Assert.Throws<StartupException>(() => PostgresAddress.Parse(url, "MEMORY_DATABASE_ADMIN_URL"));

        Assert.StartsWith("MEMORY_DATABASE_ADMIN_URL: ", refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, refusal.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("postgresql://u:p@db/name?target_session_attrs=primary", ", not target_session_attrs with that value")]
    [InlineData("postgresql://u:p@db/name?Secret1=x", ", and nothing else")]
    [InlineData("postgresql://u:12?letters&more@db/name", "must be postgresql://")] // The rest of a password may look like an option.
    public void An_unknown_option_is_named_where_it_can_be_no_secret(string url, string complaint)
    {
        var refusal = Assert.Throws<StartupException>(() => PostgresAddress.Parse(url, "MEMORY_DATABASE_URL"));

        Assert.Contains(complaint, refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("Secret1", refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("letters", refusal.Message, StringComparison.Ordinal);
    }
}
