using System.Runtime.CompilerServices;
using System.Text;
using Memoir.Kit.Security;

namespace Memoir.Kit.Audit.Chain;

/// <summary>Reads files of checkpoints line by line, in the order in which they were written.</summary>
internal sealed class CheckpointReader(InstanceKeys keys, IReadOnlyList<string> files)
{
    /// <summary>Which tenants there are lines of, whoever signed them.</summary>
    public async Task<IReadOnlySet<string>> ListTenantsAsync(CancellationToken ct)
    {
        var tenants = new HashSet<string>(StringComparer.Ordinal);
        foreach (var file in files)
        {
            await foreach (var line in ReadAsync(file, ct))
            {
                tenants.Add(line.TenantId);
            }
        }

        return tenants;
    }

    /// <summary>What the files say of each of these tenants, without their marks.</summary>
    public async Task<IReadOnlyDictionary<string, Testimony>> ReadAsync(IReadOnlySet<string> tenants, CancellationToken ct)
    {
        var lines = new List<(DateTimeOffset At, Checkpoint Line, bool IsSigned)>();
        foreach (var file in files)
        {
            var last = DateTimeOffset.MinValue;
            await foreach (var line in ReadAsync(file, ct))
            {
                // The order within a file is certain, whatever became of the clock meanwhile.
                last = line.At > last ? line.At : last;
                if (tenants.Contains(line.TenantId))
                {
                    lines.Add((last, line with { Marks = [] }, line.IsSignedBy(keys)));
                }
            }
        }

        var found = new Dictionary<string, Testimony>(StringComparer.Ordinal);
        foreach (var (_, line, isSigned) in lines.OrderBy(line => line.At))
        {
            if (!found.TryGetValue(line.TenantId, out var testimony))
            {
                found.Add(line.TenantId, testimony = new Testimony());
            }

            testimony.Add(line, isSigned);
        }

        return found;
    }

    /// <summary>The marks of one tenant's places between two.</summary>
    /// <param name="tenant">Whose.</param>
    /// <param name="counting">The lines that count.</param>
    /// <param name="after">Behind this place.</param>
    /// <param name="until">Up to this one.</param>
    /// <param name="ct">Ends it.</param>
    public async Task<IReadOnlyDictionary<long, byte[]>> ReadMarksAsync(
        string tenant, IReadOnlyList<Checkpoint> counting, long after, long until, CancellationToken ct)
    {
        var known = counting.Select(line => line.Signature).ToHashSet();
        var marks = new Dictionary<long, byte[]>();
        foreach (var file in files)
        {
            await foreach (var line in ReadAsync(file, ct))
            {
                if (line.TenantId != tenant || !known.Contains(line.Signature))
                {
                    continue;
                }

                for (var place = Math.Max(after + 1, line.From); place <= Math.Min(until, line.Position); place++)
                {
                    if (line.MarkOf(place) is { } mark)
                    {
                        marks[place] = mark;
                    }
                }
            }
        }

        return marks;
    }

    private static async IAsyncEnumerable<Checkpoint> ReadAsync(string path, [EnumeratorCancellation] CancellationToken ct)
    {
        await using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, 1 << 16, FileOptions.SequentialScan);
        using var reader = new StreamReader(file, Encoding.UTF8);
        while (await reader.ReadLineAsync(ct) is { } text)
        {
            if (Checkpoint.Parse(text) is { } line)
            {
                yield return line;
            }
        }
    }
}

/// <summary>What the checkpoints say of one chain.</summary>
internal sealed class Testimony
{
    private readonly List<Checkpoint> _counting = [];

    /// <summary>Those that still count, in the order of their places.</summary>
    public IReadOnlyList<Checkpoint> Counting => [.. _counting.OrderBy(line => line.Position)];

    /// <summary>The lowest place whose line nobody known has signed.</summary>
    public long? Unsigned { get; private set; }

    public void Add(Checkpoint line, bool isSigned)
    {
        if (!isSigned)
        {
            Unsigned = Math.Min(Unsigned ?? long.MaxValue, line.Position);
            return;
        }

        if (line.Kind == Checkpoint.Restored)
        {
            _counting.RemoveAll(older => older.Position > line.Position);
        }

        _counting.Add(line);
    }
}
