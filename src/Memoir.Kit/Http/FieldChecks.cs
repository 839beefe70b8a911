
namespace Memoir.Kit.Http;

/// <summary>Collects what is wrong with the fields of one request, so that a caller learns all of it at once.</summary>
public sealed class FieldChecks
{
    private Dictionary<string, List<string>>? _errors;

    public FieldChecks Add(string path, string message)
    {
        _errors ??= new Dictionary<string, List<string>>(StringComparer.Ordinal);
        if (!_errors.TryGetValue(path, out var messages))
        {
            _errors[path] = messages = [];
        }

        messages.Add(message);
        return this;
    }

    /// <summary>Length in Unicode scalar values, both ends included; null is fine.</summary>
    public FieldChecks Length(string path, string? value, int min, int max)
    {
        if (value is null || (value.Length <= max && value.Length >= min && (min <= 1 || CountScalars(value) >= min)))
        {
            return this;
        }

        // Never more scalars than UTF-16 units, never fewer than half: only what lies between needs counting.
        var count = CountScalars(value);
        return count < min || count > max
            ? Add(path, max == min ? $"must have {min} characters" : $"must have {min} to {max} characters, has {count}")
            : this;
    }

    public FieldChecks Range(string path, double? value, double min, double max)
    {
        if (value is { } number && !(number >= min && number <= max))
        {
            Add(path, FormattableString.Invariant($"must be between {min} and {max}"));
        }

        return this;
    }

    public FieldChecks OneOf(string path, string? value, params ReadOnlySpan<string> allowed)
    {
        if (value is not null && !allowed.Contains(value))
        {
            Add(path, $"must be one of {string.Join(", ", allowed)}");
        }

        return this;
    }

    /// <exception cref="ProblemException">422 <c>validation-failed</c> with every message collected.</exception>
    public void ThrowIfAny()
    {
        if (_errors is not null)
        {
            throw new ProblemException(
                Problem.ValidationFailed,
                string.Join("; ", _errors.Select(e => $"{e.Key} {string.Join(", ", e.Value)}")) + ".",
                _errors.ToDictionary(e => e.Key, e => e.Value.ToArray()));
        }
    }

    private static int CountScalars(string value)
    {
        var pairs = 0;
        foreach (var c in value)
        {
            if (char.IsLowSurrogate(c))
            {
                pairs++;
            }
        }

        return value.Length - pairs;
    }
}
