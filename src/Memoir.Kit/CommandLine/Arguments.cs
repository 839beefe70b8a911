using System.Globalization;

namespace Memoir.Kit.CommandLine;

/// <summary>An option of a command: <c>--name value</c>, or a switch when it has no value's name.</summary>
public sealed record CommandOption(string Name, string? Value, string Meaning)
{
    /// <summary>It may stand several times.</summary>
    public bool IsList { get; init; }
}

/// <summary>What follows a command's name, read by its own list of options; everything else is refused.</summary>
public sealed class Arguments
{
    private readonly Dictionary<string, List<string>> _values = new(StringComparer.Ordinal);
    private readonly List<string> _operands = [];

    private Arguments()
    {
    }

    /// <summary>What is no option, in order.</summary>
    public IReadOnlyList<string> Operands => _operands;

    /// <exception cref="CommandException">An option is unknown, lacks its value or stands twice.</exception>
    public static Arguments Parse(IReadOnlyList<string> args, IReadOnlyList<CommandOption> options)
    {
        var read = new Arguments();
        for (var i = 0; i < args.Count; i++)
        {
            var arg = args[i];
            if (arg == "--")
            {
                read._operands.AddRange(args.Skip(i + 1));
                break;
            }

            if (!arg.StartsWith('-') || arg == "-")
            {
                read._operands.Add(arg);
                continue;
            }

            var equals = arg.IndexOf('=', StringComparison.Ordinal);
            var name = equals < 0 ? arg : arg[..equals];
            var option = options.FirstOrDefault(option => option.Name == name)
                ?? throw new CommandException(ExitCode.Usage, $"there is no option {PrintableText.Of(name)}");
            string value;
            if (option.Value is null)
            {
                value = equals < 0 ? "" : throw new CommandException(ExitCode.Usage, $"{name} takes no value");
            }
            else
            {
                value = equals >= 0 ? arg[(equals + 1)..]
                    : i + 1 < args.Count ? args[++i]
                    : throw new CommandException(ExitCode.Usage, $"{name} needs {option.Value}");
            }

            if (!read._values.TryAdd(name, [value]))
            {
                (option.IsList ? read._values[name] : throw new CommandException(ExitCode.Usage, $"{name} is given twice")).Add(value);
            }
        }

        return read;
    }

    public bool Has(string name) => _values.ContainsKey(name);

    public string? Text(string name) => _values.GetValueOrDefault(name)?[0];

    /// <summary>All values of an option that may stand several times.</summary>
    public IReadOnlyList<string> Texts(string name) => _values.GetValueOrDefault(name) ?? [];

    /// <exception cref="CommandException">The value is none of those allowed.</exception>
    public string Choice(string name, params ReadOnlySpan<string> allowed)
    {
        var value = Text(name) ?? allowed[0];
        return allowed.Contains(value) ? value : throw new CommandException(ExitCode.Usage, $"{name} must be one of {string.Join(", ", allowed!)}");
    }

    /// <exception cref="CommandException">The value is no whole number in range.</exception>
    public int Number(string name, int standard, int least, int most)
    {
        if (Text(name) is not { } text)
        {
            return standard;
        }

        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most
            ? number
            : throw new CommandException(ExitCode.Usage, $"{name} must be a whole number from {least} to {most}");
    }

    /// <summary>The one operand that a command takes.</summary>
    /// <exception cref="CommandException">There is none, or more than one.</exception>
    public string Operand(string what) => _operands switch
    {
        [var one] => one,
        [] => throw new CommandException(ExitCode.Usage, $"{what} is missing"),
        _ => throw new CommandException(ExitCode.Usage, $"one {what} at a time"),
    };

    /// <exception cref="CommandException">There are operands, and the command takes none.</exception>
    public void RefuseOperands()
    {
        if (_operands.Count > 0)
        {
            throw new CommandException(ExitCode.Usage, $"unexpected: {PrintableText.Of(_operands[0])}");
        }
    }
}
