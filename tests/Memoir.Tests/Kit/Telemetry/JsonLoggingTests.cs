using Memoir.Kit.Telemetry;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Memoir.Tests.Kit.Telemetry;

/// <summary>The configured level is the product's; the framework stays quiet below warnings.</summary>
public sealed class JsonLoggingTests
{
    [Theory]
    [InlineData(null, LogLevel.Information, LogLevel.Warning)]
    [InlineData("TRACE", LogLevel.Trace, LogLevel.Warning)]
    [InlineData("ERROR", LogLevel.Error, LogLevel.Error)]
    public void A_level_applies_to_the_product_and_the_framework_starts_at_warning(string? configured, LogLevel product, LogLevel framework)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Configuration.AddInMemoryCollection([new(JsonLogging.LevelVariable, configured)]);
        builder.AddKitLogging();
        using var host = builder.Build();
        var loggers = host.Services.GetRequiredService<ILoggerFactory>();

        AssertLowest(product, loggers.CreateLogger("Memoir.Kit.Jobs"));
        AssertLowest(framework, loggers.CreateLogger("Microsoft.AspNetCore.Routing"));
        AssertLowest(framework, loggers.CreateLogger("System.Net.Http"));
    }

    private static void AssertLowest(LogLevel lowest, ILogger logger)
    {
        Assert.True(logger.IsEnabled(lowest));
        Assert.False(lowest > LogLevel.Trace && logger.IsEnabled(lowest - 1));
    }
}
