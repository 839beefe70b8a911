using System.ComponentModel.DataAnnotations;
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

    /// <summary>Variables of the services that this one takes the place of; ours come first.</summary>
    private static readonly (string Older, string Name)[] OlderNames = [("JWT_SECRET_KEY", "MEMORY_JWT_SECRET_KEY")];

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

        foreach (var (older, name) in OlderNames)
        {
            if (Environment.GetEnvironmentVariable(older) is { Length: > 0 } value)
            {
                values.TryAdd($"{Section}:{ToKey(name)}", value);
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
        services.AddOptions<TOptions>().Configure<IConfiguration>(Bind).ValidateOnStart();
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
        AggregateException several when several.InnerExceptions.Select(Explain).Where(line => line is not null).ToList() is { Count: > 0 } lines =>
            string.Join(Environment.NewLine, lines),
        _ => null,
    };

    private static void Bind<TOptions>(TOptions options, IConfiguration configuration)
        where TOptions : class
    {
        try
        {
            configuration.GetSection(Section).Bind(options);
        }
        catch (InvalidOperationException exception) when (Unreadable(typeof(TOptions), exception) is { } property)
        {
            throw new OptionsValidationException(Options.DefaultName, typeof(TOptions), [$"{property.Name}: {Form(property.PropertyType)}."]);
        }
    }

    /// <summary>The property whose value could not be read, by the key that the binder names (its text also holds the value, which is not repeated).</summary>
    private static PropertyInfo? Unreadable(Type options, InvalidOperationException failure) =>
        failure.InnerException is null || BoundKey(failure.Message) is not { } key
            ? null
            : Array.Find(options.GetProperties(), property => key.Equals(KeyOf(property), StringComparison.OrdinalIgnoreCase));

    private static string KeyOf(PropertyInfo property) => property.GetCustomAttribute<ConfigurationKeyNameAttribute>()?.Name ?? property.Name;

    private static string Form(Type type) => (Nullable.GetUnderlyingType(type) ?? type) switch
    {
        { IsEnum: true } names => $"must be one of {string.Join(", ", Enum.GetNames(names)).ToLowerInvariant()}",
        var t when t == typeof(bool) => "must be true or false",
        var t when t == typeof(double) => "must be a number",
        var t when t == typeof(TimeSpan) => "must be a time such as 00:02:00",
        _ => "must be a whole number in range",
    };

    private static string Line(string failure, Type options)
    {
        var end = failure.IndexOf(':', StringComparison.Ordinal);
        if (end <= 0 || options.GetProperty(failure[..end]) is not { } property)
        {
            return failure;
        }

        var complaint = failure[(end + 1)..].Trim().Replace($"The field {options.Name}.{property.Name} ", "", StringComparison.Ordinal);
        var standard = property.GetValue(Activator.CreateInstance(options)) ?? property.GetCustomAttribute<RangeAttribute>()?.Minimum;
        var variable = ToVariable(KeyOf(property));
        if (complaint.StartsWith(variable + " ", StringComparison.Ordinal))
        {
            complaint = complaint[(variable.Length + 1)..];
        }

        var example = standard is null or "" ? "" : FormattableString.Invariant($" Example: {variable}={standard}");
        return $"{variable}: {complaint}{example}";
    }

    private static string? BoundKey(string message)
    {
        const string mark = $"'{Section}:";
        var at = message.LastIndexOf(mark, StringComparison.Ordinal); // The value, which comes before, may hold it too.
        if (at < 0)
        {
            return null;
        }

        var rest = message[(at + mark.Length)..];
        return rest[..rest.IndexOf('\'', StringComparison.Ordinal)];
    }
}
