using System.Reflection;
using System.Text;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Memoir.Kit.Data;

namespace Memoir.Kit.Settings;

/// <summary>
/// Settings have two spellings, <c>MEMORY_REQUEST_MAX_BYTES</c> in the environment and <c>Memory:RequestMaxBytes</c> in
/// <c>appsettings.json</c>; the environment wins.
/// </summary>
public static class SettingsSetup
{
    public const string Section = "Memory";
    private const string Prefix = "MEMORY_";

    /// <summary>Reads the <c>MEMORY_*</c> variables of the environment.</summary>
    public static void AddMemoryEnvironment(this IConfigurationBuilder configuration)
    {
        var values = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);
        foreach (System.Collections.DictionaryEntry variable in Environment.GetEnvironmentVariables())
        {
            // An empty variable is an unset one: that is what compose files and shells make of "not configured".
            if (variable is { Key: string name, Value: string { Length: > 0 } value } && name.StartsWith(Prefix, StringComparison.Ordinal))
            {
                values[$"{Section}:{ToKey(name)}"] = value;
            }
        }

        configuration.AddInMemoryCollection(values);
    }

    /// <summary>Binds a feature's options and checks them at the start, with the variable's name in the complaint.</summary>
    public static void AddSettings<TOptions, TValidator>(this IServiceCollection services)
        where TOptions : class, new()
        where TValidator : class, IValidateOptions<TOptions>
    {
        services.AddSingleton<IValidateOptions<TOptions>, TValidator>();
        services.AddOptions<TOptions>().BindConfiguration(Section).ValidateOnStart();
    }

    /// <summary>MEMORY_REQUEST_MAX_BYTES → RequestMaxBytes.</summary>
    public static string ToKey(string variable) =>
        string.Concat(variable[Prefix.Length..].Split('_').Select(word => word.Length == 0 ? "" : word[..1] + word[1..].ToLowerInvariant()));

    /// <summary>RequestMaxBytes → MEMORY_REQUEST_MAX_BYTES.</summary>
    public static string ToVariable(string key)
    {
        var name = new StringBuilder(Prefix);
        for (var i = 0; i < key.Length; i++)
        {
            if (i > 0 && char.IsUpper(key[i]))
            {
                name.Append('_');
            }

            name.Append(char.ToUpperInvariant(key[i]));
        }

        return name.ToString();
    }

    /// <summary>One line per wrong setting: the variable, what is wrong and an example. Null when the failure is something else.</summary>
    public static string? Explain(Exception failure) => failure switch
    {
        StartupException startup => startup.Message,
        OptionsValidationException wrong => string.Join(Environment.NewLine, wrong.Failures.Select(f => Line(f, wrong.OptionsType))),
        InvalidOperationException { InnerException: not null } unreadable when BoundKey(unreadable.Message) is { } key =>
            $"{ToVariable(key)}: the value has the wrong form.",
        AggregateException several when several.InnerExceptions.Select(Explain).Where(line => line is not null).ToList() is { Count: > 0 } lines =>
            string.Join(Environment.NewLine, lines),
        _ => null,
    };

    private static string Line(string failure, Type options)
    {
        var end = failure.IndexOf(':', StringComparison.Ordinal);
        if (end <= 0 || options.GetProperty(failure[..end]) is not { } property)
        {
            return failure;
        }

        var complaint = failure[(end + 1)..].Trim().Replace($"The field {options.Name}.{property.Name} ", "", StringComparison.Ordinal);
        var standard = property.GetValue(Activator.CreateInstance(options));
        var variable = ToVariable(property.GetCustomAttribute<ConfigurationKeyNameAttribute>()?.Name ?? property.Name);
        var example = standard is null or "" ? "" : FormattableString.Invariant($" Example: {variable}={standard}");
        return $"{variable}: {complaint}{example}";
    }

    private static string? BoundKey(string message)
    {
        const string mark = $"'{Section}:";
        var at = message.IndexOf(mark, StringComparison.Ordinal);
        if (at < 0)
        {
            return null;
        }

        var rest = message[(at + mark.Length)..];
        return rest[..rest.IndexOf('\'', StringComparison.Ordinal)];
    }
}
