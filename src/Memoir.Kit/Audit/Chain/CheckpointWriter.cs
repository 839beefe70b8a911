using Memoir.Kit.Data;
using Memoir.Kit.Files;
using Memoir.Kit.Security;
using Microsoft.Extensions.Options;

namespace Memoir.Kit.Audit.Chain;

/// <summary>
/// Appends what this process sealed to its file of checkpoints: at once where a tenant was quiet, else every minute or every
/// thousand records. It goes by what it has sealed itself, never by what the database says afterwards. Not for two callers at once.
/// </summary>
public sealed class CheckpointWriter(InstanceKeys keys, IOptions<DatabaseOptions> options, TimeProvider time)
{
    public const string FileName = "audit-checkpoints.jsonl";

    /// <summary>What one checkpoint spans.</summary>
    internal const int Span = 1000;

    private const int MostWaiting = 10_000;
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(60);

    private readonly Dictionary<string, Progress> _tenants = new(StringComparer.Ordinal);
    private readonly List<Checkpoint> _waiting = [];

    public string Path { get; } = System.IO.Path.Combine(options.Value.ResolveDataDirectory(), FileName);

    /// <summary>Writes what is due.</summary>
    /// <param name="all">Everything that has no checkpoint yet, as before the end of the process.</param>
    /// <param name="ct">Ends it before the file is touched.</param>
    /// <exception cref="IOException">The file cannot be written; what was to be written is kept for the next time.</exception>
    public async Task WriteDueAsync(bool all, CancellationToken ct)
    {
        var now = time.Now();
        foreach (var (tenant, progress) in _tenants.ToList())
        {
            var isDue = all || progress.WrittenAt is not { } written || now - written >= Period || now < written;
            if (isDue && progress.HasNew)
            {
                _waiting.Add(progress.Take(tenant, now));
                progress.WrittenAt = now;
            }
            else if (isDue)
            {
                _tenants.Remove(tenant);
            }
        }

        if (_waiting.Count > 0)
        {
            // Where a disk has been gone for long, the newest say as much of the chain as those before them.
            _waiting.RemoveRange(0, Math.Max(0, _waiting.Count - MostWaiting));
            await AppendAsync(_waiting, ct);
            _waiting.Clear();
        }
    }

    /// <summary>Signs lines and makes them last.</summary>
    /// <exception cref="IOException">The file cannot be written.</exception>
    internal async Task AppendAsync(IReadOnlyList<Checkpoint> checkpoints, CancellationToken ct)
    {
        DurableFiles.EnsurePrivateDirectory(System.IO.Path.GetDirectoryName(Path)!);

        // Processes of one folder take turns; the lock goes with its holder.
        await using var turn = TakeTurn();
        using var lines = new MemoryStream();
        if (EndsWithin())
        {
            lines.WriteByte((byte)'\n'); // A power cut left the part of a line, which must not swallow the next one.
        }

        foreach (var checkpoint in checkpoints)
        {
            lines.Write(checkpoint.SignedBy(keys).ToLine());
        }

        await DurableFiles.AppendAsync(Path, lines.ToArray(), ct);
    }

    /// <summary>Takes note of what was just sealed, in the order of its places.</summary>
    internal void Note(Tenant tenant, IReadOnlyList<ChainLink> links)
    {
        if (!_tenants.TryGetValue(tenant.Id, out var progress))
        {
            _tenants.Add(tenant.Id, progress = new Progress());
        }

        foreach (var link in links)
        {
            if (!progress.TryAdd(link))
            {
                var now = time.Now();
                _waiting.Add(progress.Take(tenant.Id, now));
                progress.WrittenAt = now;
                progress.TryAdd(link);
            }
        }
    }

    private FileStream TakeTurn()
    {
        var options = new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite, Share = FileShare.None };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = DurableFiles.Private;
        }

        return new FileStream(Path + ".lock", options);
    }

    private bool EndsWithin()
    {
        if (!File.Exists(Path))
        {
            return false;
        }

        using var file = new FileStream(Path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        if (file.Length == 0)
        {
            return false;
        }

        file.Seek(-1, SeekOrigin.End);
        return file.ReadByte() != '\n';
    }

    /// <summary>How far one tenant's chain has come without a checkpoint.</summary>
    private sealed class Progress
    {
        private readonly MemoryStream _marks = new();
        private long _from;
        private long _position;
        private byte[] _hash = [];

        public DateTimeOffset? WrittenAt { get; set; }

        public bool HasNew => _marks.Length > 0;

        /// <returns>False when a checkpoint has to come first.</returns>
        public bool TryAdd(ChainLink link)
        {
            if (!HasNew)
            {
                _from = link.Position;
            }
            else if (link.Position <= _position || link.Position - _from >= Span)
            {
                return false;
            }

            _marks.SetLength((link.Position - _from) * Checkpoint.MarkLength);
            _marks.Position = _marks.Length;
            _marks.Write(link.Hash, 0, Checkpoint.MarkLength);
            (_position, _hash) = (link.Position, link.Hash);
            return true;
        }

        public Checkpoint Take(string tenant, DateTimeOffset now)
        {
            var taken = new Checkpoint
            {
                Kind = Checkpoint.Seen, TenantId = tenant, From = _from, Position = _position, Hash = _hash, At = now, Marks = _marks.ToArray(),
            };
            _marks.SetLength(0);
            return taken;
        }
    }
}
