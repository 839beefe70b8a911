using System.Reflection;
using System.Text.RegularExpressions;

namespace Memoir.Server.Commands.Copy;

/// <summary>The columns of a row type, in the order of its properties, and how to sum a row up.</summary>
internal sealed partial class RowShape<T>
    where T : class
{
    private readonly List<Action<T, TableDigest>> _add = [];
    private readonly List<Func<T, long>> _weights = [];

    public RowShape()
    {
        Properties = [.. typeof(T).GetProperties(BindingFlags.Public | BindingFlags.Instance).Select(property => property.Name)];
        Columns = [.. Properties.Select(ColumnOf)];
        foreach (var name in Properties)
        {
            AddColumn(typeof(T).GetProperty(name)!);
        }
    }

    public IReadOnlyList<string> Properties { get; }

    public IReadOnlyList<string> Columns { get; }

    /// <summary>MemoryId → memory_id.</summary>
    public static string ColumnOf(string property) => Capital().Replace(property, match => $"_{match.Value}").TrimStart('_').ToLowerInvariant();

    public void Add(T row, TableDigest digest)
    {
        foreach (var add in _add)
        {
            add(row, digest);
        }

        digest.EndRow();
    }

    /// <summary>About how many bytes of text and binary data the row carries.</summary>
    public long WeightOf(T row)
    {
        var weight = 100L;
        foreach (var one in _weights)
        {
            weight += one(row);
        }

        return weight;
    }

    private void AddColumn(PropertyInfo property)
    {
        Func<T, TValue> Get<TValue>() => property.GetMethod!.CreateDelegate<Func<T, TValue>>();

        if (property.PropertyType == typeof(string))
        {
            var get = Get<string?>();
            _add.Add((row, digest) => digest.Add(get(row)));
            _weights.Add(row => get(row)?.Length ?? 0);
        }
        else if (property.PropertyType == typeof(byte[]))
        {
            var get = Get<byte[]?>();
            _add.Add((row, digest) => digest.Add(get(row)));
            _weights.Add(row => get(row)?.Length ?? 0);
        }
        else if (property.PropertyType == typeof(long))
        {
            var get = Get<long>();
            _add.Add((row, digest) => digest.Add(get(row)));
        }
        else if (property.PropertyType == typeof(long?))
        {
            var get = Get<long?>();
            _add.Add((row, digest) => digest.Add(get(row)));
        }
        else if (property.PropertyType == typeof(double))
        {
            var get = Get<double>();
            _add.Add((row, digest) => digest.Add(get(row)));
        }
        else if (property.PropertyType == typeof(double?))
        {
            var get = Get<double?>();
            _add.Add((row, digest) => digest.Add(get(row)));
        }
        else if (property.PropertyType == typeof(Guid))
        {
            var get = Get<Guid>();
            _add.Add((row, digest) => digest.Add(get(row)));
        }
        else if (property.PropertyType == typeof(Guid?))
        {
            var get = Get<Guid?>();
            _add.Add((row, digest) => digest.Add(get(row)));
        }
        else
        {
            throw new InvalidOperationException($"{typeof(T).Name}.{property.Name}: {property.PropertyType.Name} has no column type.");
        }
    }

    [GeneratedRegex("[A-Z]")]
    private static partial Regex Capital();
}
