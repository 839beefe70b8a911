using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Memoir.Kit.Hosting;

/// <summary>What of the server a process runs: on a shared database the two halves scale apart.</summary>
public enum ServerRole
{
    /// <summary>Both halves, the default.</summary>
    Serve,

    /// <summary>Answers requests.</summary>
    Api,

    /// <summary>Does deferred work; answers only its operators.</summary>
    Worker,
}

/// <summary>How a process learns its role, and what it leaves out.</summary>
public static class ServerRoles
{
    private const string Key = "Memoir:Role";

    public static void TakeRole(this IHostApplicationBuilder builder, ServerRole role) => builder.Configuration[Key] = role.ToString();

    public static ServerRole Role(this IConfiguration configuration) =>
        Enum.TryParse<ServerRole>(configuration[Key], out var role) ? role : ServerRole.Serve;

    /// <summary>Adds work in the background to the processes of one role, and to those that do everything.</summary>
    public static void AddBackground<TService>(this IHostApplicationBuilder builder, ServerRole role)
        where TService : class, IHostedService
    {
        builder.Services.AddSingleton<TService>();
        if (builder.Configuration.Role() is var mine && (mine == role || mine == ServerRole.Serve))
        {
            builder.Services.AddHostedService(services => services.GetRequiredService<TService>());
        }
    }
}
