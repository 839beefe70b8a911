using Memoir.Kit.Settings;
using Memoir.Tests.Testing;

namespace Memoir.Tests.Kit.Settings;

/// <summary>Every wrong setting stops the program with one line: the variable, what is wrong, an example, never a secret.</summary>
public sealed class SettingsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("memoir-settings-").FullName;

    /// <summary>Variable, wrong value, and a part of the line that says what is wrong.</summary>
    public static TheoryData<string, string, string> Wrong => new()
    {
        { "MEMORY_PORT", "abc", "number" },
        { "MEMORY_PORT", "70000", "between 0 and 65535" },
        { "MEMORY_HOST", "nonsense", "address" },
        { "MEMORY_REQUEST_MAX_BYTES", "5", "between" },
        { "MEMORY_ALLOWED_HOSTS", "https://memory.example.com", "without scheme" },
        { "MEMORY_ALLOWED_HOSTS", "memory.example.com:8443", "without scheme" },
        { "MEMORY_REQUEST_TIMEOUT_SECONDS", "1.5", "number" },
        { "MEMORY_DRAIN_SECONDS", "-1", "between" },
        { "MEMORY_DATABASE_URL", "mysql://user:hunter2-secret@db/x", "postgresql://USER:PASSWORD@HOST:PORT/NAME" },
        { "MEMORY_DATABASE_URL", "sqlite:///", "sqlite:///FILE" },
        { "MEMORY_DATABASE_POOL_SIZE", "0", "between" },
        { "MEMORY_DATA_DIRECTORY", "/proc/nowhere", "cannot be" },
        { "MEMORY_WRITE_QUEUE_LIMIT", "0", "between" },
        { "MEMORY_API_KEYS", "hunter2-secret", "24 characters" },
        { "MEMORY_API_KEYS", "operator-key-0123456789abcdef,hunter2-secret", "24 characters" },
        { "MEMORY_METRICS_TOKEN", "hunter2-secret", "24 characters" },
        { "MEMORY_METRICS_ENABLED", "perhaps", "true or false" },
        { "MEMORY_DEFAULT_TENANT", "a b", "characters" },
        { "MEMORY_ENVIRONMENT", new string('x', 65), "64" },
        { "MEMORY_LOG_LEVEL", "LOUD", "DEBUG" },
        { "MEMORY_JOB_LEASE", "1", "between" },
        { "MEMORY_JOB_LEASE", "soon", "time" },
        { "MEMORY_JOB_MAX_ATTEMPTS", "0", "between" },
        { "MEMORY_EMBEDDING_PROVIDER", "nonsense", "builtin" },
        { "MEMORY_EMBEDDING_PROVIDER", "openai", "MEMORY_EMBEDDING_API_KEY" },
        { "MEMORY_EMBEDDING_BASE_URL", "https://user:hunter2-secret@example.org", "without user" },
        { "MEMORY_EMBEDDING_API_KEY", "hunter2-secret ü", "header" },
        { "MEMORY_EMBEDDING_DIMENSIONS", "many", "number" },
        { "MEMORY_IMPORTANCE_HALF_LIFE_DAYS", "0", "between" },
        { "MEMORY_IMPORTANCE_HALF_LIFE_DAYS", "x", "number" },
        { "MEMORY_MAX_RESULTS", "101", "between" },
        { "MEMORY_INDEX_CACHE_MEGABYTES", "0", "between" },
        { "MEMORY_GLOBAL_RATE_LIMIT", "200", "200/minute" },
        { "MEMORY_GLOBAL_RATE_LIMIT", "unlimited", "off" },
        { "MEMORY_TENANT_RATE_LIMIT", "0/minute", "number of requests" },
        { "MEMORY_BLOCK_AFTER_REFUSALS", "-1", "between" },
        { "MEMORY_TRUSTED_PROXIES", "10.0.0.0/33", "networks" },
        { "MEMORY_TRUSTED_PROXIES", "10.0.0.1/8", "networks" },
        { "MEMORY_TRUSTED_PROXIES", "proxy.example.org", "addresses" },
        { "MEMORY_ALLOWED_ORIGINS", "*", "wildcard" },
        { "MEMORY_ALLOWED_ORIGINS", "null", "origins" },
        { "MEMORY_ALLOWED_ORIGINS", "https://app.example.com/", "path" },
        { "MEMORY_ALLOWED_ORIGINS", "https://App.example.com", "small letters" },
        { "MEMORY_ALLOWED_ORIGINS", "app.example.com", "origins" },
        { "MEMORY_LONGEST_WAIT", "0", "between" },
    };

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory, MemberData(nameof(Wrong))]
    public async Task A_wrong_setting_stops_the_program_with_one_line_about_it(string variable, string value, string complaint)
    {
        var ending = await ServerProcess.RefuseAsync(_folder, (variable, value));

        Assert.Equal((78, ""), (ending.Code, ending.Output));
        var line = Assert.Single(ending.ErrorLines);
        Assert.StartsWith("memoir: MEMORY_", line, StringComparison.Ordinal);
        Assert.Contains(variable == "MEMORY_EMBEDDING_PROVIDER" && value == "openai" ? "MEMORY_EMBEDDING_API_KEY" : variable, line, StringComparison.Ordinal);
        Assert.Contains(complaint, line, StringComparison.Ordinal);
        Assert.Contains("example", line, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("hunter2", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Several_wrong_settings_have_a_line_each()
    {
        var ending = await ServerProcess.RefuseAsync(_folder, ("MEMORY_PORT", "70000"), ("MEMORY_JOB_LEASE", "1"), ("MEMORY_MAX_RESULTS", "0"));

        Assert.Equal((78, 3), (ending.Code, ending.ErrorLines.Length));
    }

    [Fact]
    public async Task A_port_that_is_taken_is_said_in_one_line()
    {
        using var taken = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        taken.Start();
        var port = ((System.Net.IPEndPoint)taken.LocalEndpoint).Port;

        var ending = await ServerProcess.RefuseAsync(_folder, ("MEMORY_PORT", $"{port}"));

        Assert.Equal((78, 1), (ending.Code, ending.ErrorLines.Length));
        Assert.Contains("MEMORY_PORT", ending.Errors, StringComparison.Ordinal);
        Assert.Contains($"{port}", ending.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unknown_command_is_said_in_one_line()
    {
        var ending = await ServerProcess.RunAsync(_folder, "sevre");

        Assert.Equal((64, 1), (ending.Code, ending.ErrorLines.Length));
        Assert.Contains("sevre", ending.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_empty_variable_is_an_unset_one()
    {
        await using var server = await ServerProcess.StartAsync(_folder, ("MEMORY_JOB_LEASE", ""), ("MEMORY_API_KEYS", ""));

        server.Terminate();

        Assert.Equal(0, (await server.ExitAsync()).Code);
    }

    [Theory]
    [InlineData("MEMORY_PORT", "Port")]
    [InlineData("MEMORY_REQUEST_MAX_BYTES", "RequestMaxBytes")]
    [InlineData("MEMORY_API_KEYS", "ApiKeys")]
    [InlineData("MEMORY_DATABASE_URL", "DatabaseUrl")]
    [InlineData("MEMORY_IMPORTANCE_HALF_LIFE_DAYS", "ImportanceHalfLifeDays")]
    public void A_variable_and_its_key_name_each_other(string variable, string key)
    {
        Assert.Equal(key, SettingsSetup.ToKey(variable));
        Assert.Equal(variable, SettingsSetup.ToVariable(key));
    }

    [Fact]
    public void A_fault_that_is_no_setting_is_not_explained_away() =>
        Assert.Null(SettingsSetup.Explain(new InvalidOperationException("a bug")));
}
