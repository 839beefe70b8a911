using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace Memoir.Server.Backups.Rows;

/// <summary>The columns of a row type, in the order of its properties, and how to sum a row up and to read it again.</summary>
internal sealed partial class RowShape<T>
    where T : class
{
    private readonly List<Action<T, TableDigest>> _add = [];
    private readonly List<ReadValue> _read = [];
    private readonly List<Func<T, long>> _weights = [];

    public RowShape()
        : this([.. typeof(T).GetProperties(BindingFlags.Public | BindingFlags.Instance).Select(property => property.Name)])
    {
    }

    private RowShape(IReadOnlyList<string> properties)
    {
        Properties = properties;
        Columns = [.. Properties.Select(ColumnOf)];
        foreach (var name in Properties)
        {
            AddColumn(typeof(T).GetProperty(name)!);
        }
    }

    private delegate void ReadValue(T row, ref RowBytes bytes);

    public IReadOnlyList<string> Properties { get; }

    public IReadOnlyList<string> Columns { get; }

    /// <summary>MemoryId → memory_id.</summary>
    public static string ColumnOf(string property) => Capital().Replace(property, match => $"_{match.Value}").TrimStart('_').ToLowerInvariant();

    /// <summary>The shape of rows with some of the columns, in this order; the others have no value.</summary>
    /// <exception cref="InvalidDataException">There is no such column.</exception>
    public RowShape<T> Of(IReadOnlyList<string> columns)
    {
        if (columns.SequenceEqual(Columns))
        {
            return this;
        }

        var byColumn = Properties.ToDictionary(ColumnOf, StringComparer.Ordinal);
        return new RowShape<T>([.. columns.Select(column => byColumn.GetValueOrDefault(column) ?? throw new InvalidDataException($"this program knows no column {column}"))]);
    }

    public void Add(T row, TableDigest digest)
    {
        foreach (var add in _add)
        {
            add(row, digest);
        }

        digest.EndRow();
    }

    /// <summary>A row of which <see cref="Add"/> made these bytes.</summary>
    /// <exception cref="InvalidDataException">They are none.</exception>
    public T Read(ReadOnlySpan<byte> bytes)
    {
        var row = (T)RuntimeHelpers.GetUninitializedObject(typeof(T)); // Its members are required; each that was kept is set here.
        var values = new RowBytes(bytes);
        foreach (var read in _read)
        {
            read(row, ref values);
        }

        return values.IsAtEnd ? row : throw new InvalidDataException("a row has more values than columns");
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

    private static TValue Present<TValue>(TValue? value)
        where TValue : struct => value ?? throw new InvalidDataException("a value is missing that every row has");

    private void AddColumn(PropertyInfo property)
    {
        Func<T, TValue> Get<TValue>() => property.GetMethod!.CreateDelegate<Func<T, TValue>>();
        Action<T, TValue> Set<TValue>() => property.SetMethod!.CreateDelegate<Action<T, TValue>>();

        if (property.PropertyType == typeof(string))
        {
            var (get, set) = (Get<string?>(), Set<string?>());
            _add.Add((row, digest) => digest.Add(get(row)));
            _read.Add((T row, ref RowBytes bytes) => set(row, bytes.Text()));
            _weights.Add(row => get(row)?.Length ?? 0);
        }
        else if (property.PropertyType == typeof(byte[]))
        {
            var (get, set) = (Get<byte[]?>(), Set<byte[]?>());
            _add.Add((row, digest) => digest.Add(get(row)));
            _read.Add((T row, ref RowBytes bytes) => set(row, bytes.Bytes()));
            _weights.Add(row => get(row)?.Length ?? 0);
        }
        else if (property.PropertyType == typeof(long))
        {
            var (get, set) = (Get<long>(), Set<long>());
            _add.Add((row, digest) => digest.Add(get(row)));
            _read.Add((T row, ref RowBytes bytes) => set(row, Present(bytes.Number())));
        }
        else if (property.PropertyType == typeof(long?))
        {
            var (get, set) = (Get<long?>(), Set<long?>());
            _add.Add((row, digest) => digest.Add(get(row)));
            _read.Add((T row, ref RowBytes bytes) => set(row, bytes.Number()));
        }
        else if (property.PropertyType == typeof(double))
        {
            var (get, set) = (Get<double>(), Set<double>());
            _add.Add((row, digest) => digest.Add(get(row)));
            _read.Add((T row, ref RowBytes bytes) => set(row, Present(bytes.Real())));
        }
        else if (property.PropertyType == typeof(double?))
        {
            var (get, set) = (Get<double?>(), Set<double?>());
            _add.Add((row, digest) => digest.Add(get(row)));
            _read.Add((T row, ref RowBytes bytes) => set(row, bytes.Real()));
        }
        else if (property.PropertyType == typeof(Guid))
        {
            var (get, set) = (Get<Guid>(), Set<Guid>());
            _add.Add((row, digest) => digest.Add(get(row)));
            _read.Add((T row, ref RowBytes bytes) => set(row, Present(bytes.Id())));
        }
        else if (property.PropertyType == typeof(Guid?))
        {
            var (get, set) = (Get<Guid?>(), Set<Guid?>());
            _add.Add((row, digest) => digest.Add(get(row)));
            _read.Add((T row, ref RowBytes bytes) => set(row, bytes.Id()));
        }
        else
        {
            throw new InvalidOperationException($"{typeof(T).Name}.{property.Name}: {property.PropertyType.Name} has no column type.");
        }
    }

    [GeneratedRegex("[A-Z]")]
    private static partial Regex Capital();
}
