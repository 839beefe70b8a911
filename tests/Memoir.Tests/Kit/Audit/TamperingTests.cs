using System.Data.Common;
using System.Globalization;
using Memoir.Kit.Audit;
using Memoir.Kit.Audit.Chain;
using Memoir.Kit.Data;
using Memoir.Tests.Testing;

namespace Memoir.Tests.Kit.Audit;

/// <summary>What somebody who owns the database can do to the records, at random places: verification names the first bad one.</summary>
public sealed class TamperingTests : IAsyncLifetime
{
    private const string Foreign = "another";

    private static readonly string[] Tenants = [.. Enumerable.Range(0, 12).Select(i => $"tenant{i:00}")];
    private static readonly string[] Columns = ["actor", "action", "subject", "request_id", "address", "count", "at", "hash"];

    private readonly int _seed = Random.Shared.Next();
    private Random _random = null!;
    private ChainFixture _chains = null!;

    public async ValueTask InitializeAsync()
    {
        _random = new Random(_seed);
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {_seed}");
        _chains = await ChainFixture.StartAsync([.. Tenants, Foreign]);
    }

    public ValueTask DisposeAsync() => _chains.DisposeAsync();

    [Fact]
    public Task Untouched_chains_are_as_they_were_written() => EachAsync((_, _, _) => Task.FromResult<BadRecord?>(null));

    [Fact]
    public Task A_changed_record_is_named() => EachAsync(async (tenant, database, chain) =>
    {
        var bad = Any(chain);
        var column = Columns[_random.Next(Columns.Length)];
        object value = column switch
        {
            "count" => bad.Count + 1,
            "at" => bad.At.ToMicroseconds() + 1,
            "hash" => Guid.NewGuid().ToByteArray(),
            _ => "forged",
        };

        await RunAsync(database, $"UPDATE audit_records SET {column} = @value WHERE tenant_id = @tenant AND position = @position", tenant, ("value", value), ("position", bad.Position!));

        return new BadRecord(bad.Position!.Value, bad.Id, ChainFault.Changed);
    });

    [Fact]
    public Task A_deleted_record_is_named() => EachAsync(async (tenant, database, chain) =>
    {
        var bad = Any(chain);

        await RunAsync(database, "DELETE FROM audit_records WHERE tenant_id = @tenant AND position = @position", tenant, ("position", bad.Position!));

        return new BadRecord(bad.Position!.Value, null, ChainFault.Missing);
    });

    [Fact]
    public Task A_deleted_record_is_named_though_those_behind_it_moved_up() => EachAsync(async (tenant, database, chain) =>
    {
        var at = _random.Next(chain.Count - 1);

        await RunAsync(database, "DELETE FROM audit_records WHERE tenant_id = @tenant AND position = @position", tenant, ("position", chain[at].Position!));
        await MoveAsync(database, tenant, chain[at].Position!.Value, by: -1);

        return new BadRecord(chain[at].Position!.Value, chain[at + 1].Id, ChainFault.Changed);
    });

    [Theory]
    [InlineData("position")]
    [InlineData("position, hash")]
    public Task Two_records_that_changed_places_are_named(string columns) => EachAsync(async (tenant, database, chain) =>
    {
        var first = _random.Next(chain.Count - 1);
        var (one, other) = (chain[first], chain[_random.Next(first + 1, chain.Count)]);
        const string place = "UPDATE audit_records SET position = @position WHERE tenant_id = @tenant AND id = @id";

        await RunAsync(database, place, tenant, ("position", -1L), ("id", Id(one)));
        await RunAsync(database, place, tenant, ("position", one.Position!), ("id", Id(other)));
        await RunAsync(database, place, tenant, ("position", other.Position!), ("id", Id(one)));
        if (columns.Contains("hash", StringComparison.Ordinal))
        {
            const string hash = "UPDATE audit_records SET hash = @hash WHERE tenant_id = @tenant AND id = @id";
            await RunAsync(database, hash, tenant, ("hash", one.Hash!), ("id", Id(other)));
            await RunAsync(database, hash, tenant, ("hash", other.Hash!), ("id", Id(one)));
        }

        return new BadRecord(one.Position!.Value, other.Id, ChainFault.Changed);
    });

    [Fact]
    public Task An_inserted_record_is_named() => EachAsync(async (tenant, database, chain) =>
    {
        var place = Any(chain);
        var forged = place with { Id = Guid.NewGuid(), Action = "key.create" };

        await MoveAsync(database, tenant, place.Position!.Value - 1, by: 1);
        await InsertAsync(database, tenant, forged);

        return new BadRecord(place.Position.Value, forged.Id, ChainFault.Changed);
    });

    [Fact]
    public Task A_record_at_a_place_before_the_first_is_named() => EachAsync(async (tenant, database, chain) =>
    {
        var forged = Any(chain) with { Id = Guid.NewGuid(), Position = -_random.Next(100) };

        await InsertAsync(database, tenant, forged);

        return new BadRecord(forged.Position!.Value, forged.Id, ChainFault.Added);
    });

    [Fact]
    public async Task A_record_of_another_tenant_is_named()
    {
        var foreign = await _chains.ReadAsync(Foreign);
        await EachAsync(async (tenant, database, chain) =>
        {
            var place = Any(chain);
            var copied = foreign[(int)place.Position!.Value - 1];

            await RunAsync(database, "DELETE FROM audit_records WHERE tenant_id = @tenant AND position = @position", tenant, ("position", place.Position));
            await InsertAsync(database, tenant, copied);

            return new BadRecord(place.Position.Value, copied.Id, ChainFault.Changed);
        });
    }

    [Fact]
    public Task A_tail_that_was_cut_off_is_found_by_the_checkpoints_alone() => EachAsync(async (tenant, database, chain) =>
    {
        var last = Any(chain).Position!.Value - 1;

        await RunAsync(database, "DELETE FROM audit_records WHERE tenant_id = @tenant AND position > @last", tenant, ("last", last));

        Assert.True((await _chains.VerifyAsync(tenant, withCheckpoints: false)).IsOk, "the control found it without checkpoints");
        return new BadRecord(last + 1, null, ChainFault.Missing);
    });

    [Fact]
    public async Task A_table_that_was_set_back_and_went_on_is_found_by_the_checkpoints_alone()
    {
        foreach (var tenant in Tenants)
        {
            await _chains.ExecuteAsync(tenant, $"DELETE FROM audit_records WHERE tenant_id = @tenant AND position > {ChainFixture.First}", ("tenant", tenant));
            await _chains.AppendAsync(tenant, 30);
        }

        await _chains.Sealer.SealAllAsync(TestContext.Current.CancellationToken);

        await EachAsync(async (tenant, _, chain) =>
        {
            Assert.True((await _chains.VerifyAsync(tenant, withCheckpoints: false)).IsOk, "the control found it without checkpoints");
            return new BadRecord(ChainFixture.First + 1, chain[ChainFixture.First].Id, ChainFault.Rewritten);
        });
    }

    [Fact]
    public Task A_chain_that_was_written_anew_is_found_by_the_checkpoints_alone() => EachAsync(async (tenant, database, chain) =>
    {
        var bad = Any(chain);
        using var hash = new ChainHash();
        var previous = bad.Position == 1 ? ChainHash.Start : chain[(int)bad.Position!.Value - 2].Hash!;
        foreach (var entry in chain.Skip((int)bad.Position!.Value - 1))
        {
            var forged = entry.Id == bad.Id ? entry with { Actor = "somebody else" } : entry;
            previous = hash.Of(previous, entry.Position!.Value, new Tenant(tenant), forged);
            await RunAsync(
                database, "UPDATE audit_records SET actor = @actor, hash = @hash WHERE tenant_id = @tenant AND position = @position", tenant,
                ("actor", forged.Actor), ("hash", previous), ("position", entry.Position!));
        }

        Assert.True((await _chains.VerifyAsync(tenant, withCheckpoints: false)).IsOk, "the control found it without checkpoints");
        return new BadRecord(bad.Position.Value, bad.Id, ChainFault.Rewritten);
    });

    [Fact]
    public Task A_record_with_a_right_hash_of_its_own_is_named_and_not_the_one_behind_it() => EachAsync(async (tenant, database, chain) =>
    {
        var at = _random.Next(1, chain.Count - 1);
        using var hash = new ChainHash();
        var forged = hash.Of(chain[at - 1].Hash!, chain[at].Position!.Value, new Tenant(tenant), chain[at] with { Actor = "somebody else" });

        await RunAsync(
            database, "UPDATE audit_records SET actor = 'somebody else', hash = @hash WHERE tenant_id = @tenant AND position = @position", tenant,
            ("hash", forged), ("position", chain[at].Position!));

        return new BadRecord(chain[at].Position!.Value, chain[at].Id, ChainFault.Rewritten);
    });

    [Fact]
    public async Task A_tenant_without_any_record_left_is_not_passed_over()
    {
        await _chains.ExecuteAsync(Tenants[3], "DELETE FROM audit_records WHERE tenant_id = @tenant", ("tenant", Tenants[3]));

        var listed = await _chains.Verifier.ListTenantsAsync(_chains.Verifier.OwnFiles, "", 200, TestContext.Current.CancellationToken);

        Assert.Contains(new Tenant(Tenants[3]), listed);
        Assert.Equal(new BadRecord(1, null, ChainFault.Missing), (await _chains.VerifyAsync(Tenants[3])).FirstBad);
    }

    private static object Id(AuditEntry entry) => TestEngines.Current == TestEngine.Postgres ? entry.Id : entry.Id.ToByteArray(bigEndian: true);

    private static Task RunAsync(DbConnection database, string sql, string tenant, params (string Name, object Value)[] parameters) =>
        RawDatabase.ScalarAsync(database, sql, [("tenant", tenant), .. parameters]);

    /// <summary>Moves all places behind one; on the way they are below zero, for no two may be the same.</summary>
    private static async Task MoveAsync(DbConnection database, string tenant, long behind, int by)
    {
        await RunAsync(database, $"UPDATE audit_records SET position = -(position + {by.ToString(CultureInfo.InvariantCulture)}) WHERE tenant_id = @tenant AND position > @behind", tenant, ("behind", behind));
        await RunAsync(database, "UPDATE audit_records SET position = -position WHERE tenant_id = @tenant AND position < 0", tenant);
    }

    private static Task InsertAsync(DbConnection database, string tenant, AuditEntry entry) => RunAsync(
        database,
        """
        INSERT INTO audit_records (tenant_id, id, at, actor, action, subject, count, request_id, address, position, hash)
        VALUES (@tenant, @id, @at, @actor, @action, @subject, @count, @request, @address, @position, @hash)
        """,
        tenant, ("id", Id(entry)), ("at", entry.At.ToMicroseconds()), ("actor", entry.Actor), ("action", entry.Action), ("subject", (object?)entry.Subject ?? DBNull.Value),
        ("count", entry.Count), ("request", entry.RequestId), ("address", (object?)entry.Address ?? DBNull.Value), ("position", entry.Position!), ("hash", entry.Hash!));

    private AuditEntry Any(IReadOnlyList<AuditEntry> chain) => chain[_random.Next(chain.Count)];

    /// <summary>One manipulation of each tenant's records, and what verification must say of it.</summary>
    private async Task EachAsync(Func<string, DbConnection, IReadOnlyList<AuditEntry>, Task<BadRecord?>> tamperAsync)
    {
        foreach (var tenant in Tenants)
        {
            BadRecord? expected;
            await using (var database = await _chains.OpenAsync(tenant))
            {
                expected = await tamperAsync(tenant, database, await _chains.ReadAsync(tenant));
            }

            var report = await _chains.VerifyAsync(tenant);

            Assert.Equal(expected, report.FirstBad);
            Assert.Equal(2, report.Checkpoints);
            Assert.True(expected is not null || report is { Sealed: ChainFixture.All, Unsealed: 0, Vouched: ChainFixture.All }, $"{report}");
        }

        Assert.True((await _chains.VerifyAsync(Foreign)).IsOk);
    }
}
