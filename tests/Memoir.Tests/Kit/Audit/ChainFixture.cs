using System.Data.Common;
using Memoir.Kit.Audit;
using Memoir.Kit.Audit.Chain;
using Memoir.Kit.Data;
using Memoir.Tests.Testing;
using Microsoft.Extensions.DependencyInjection;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Kit.Audit;

/// <summary>A server whose tenants have chains, and who reaches past it to the table of records.</summary>
internal sealed class ChainFixture(TestApp app) : IAsyncDisposable
{
    /// <summary>What <see cref="StartAsync"/> gives each tenant: a minute's records, and another's.</summary>
    public const int First = 60;

    public const int All = 80;

    private int _made;

    public TestApp App => app;

    public AuditVerifier Verifier => app.Services.GetRequiredService<AuditVerifier>();

    public AuditSealer Sealer => app.Services.GetRequiredService<AuditSealer>();

    public string CheckpointFile => Path.Combine(app.Folder, CheckpointWriter.FileName);

    public static async Task<ChainFixture> StartAsync(params IReadOnlyList<string> tenants)
    {
        var chains = new ChainFixture(await TestApp.StartAsync(TestEngines.Current));
        foreach (var (count, isLast) in ((int, bool)[])[(First, false), (All - First, true)])
        {
            foreach (var tenant in tenants)
            {
                await chains.AppendAsync(tenant, count);
            }

            await chains.KeepAsync(isLast);
            chains.App.Time.Advance(TimeSpan.FromMinutes(1));
        }

        return chains;
    }

    public async Task KeepAsync(bool isLast = true) => await app.Services.GetRequiredService<AuditKeeper>().RunOnceAsync(isLast, Ct);

    /// <summary>Commits records as the program does, without the changes that they are about.</summary>
    public Task AppendAsync(string tenant, int count) => app.Services.GetRequiredService<Database>().WriteAsync(new Tenant(tenant), session =>
        AuditLog.AppendManyAsync(session, [.. Enumerable.Range(0, count).Select(_ => One(++_made))]), Ct);

    /// <summary>What verification says of one tenant.</summary>
    public async Task<ChainReport> VerifyAsync(string tenant, bool withCheckpoints = true) =>
        Assert.Single(await Verifier.VerifyAsync([new Tenant(tenant)], withCheckpoints ? Verifier.OwnFiles : [], Ct));

    /// <summary>What only who owns the database can do.</summary>
    public Task<DbConnection> OpenAsync(string tenant) => RawDatabase.OpenAsync(app.Folder, tenant);

    public async Task ExecuteAsync(string tenant, string sql, params (string Name, object Value)[] parameters)
    {
        await using var connection = await OpenAsync(tenant);
        await RawDatabase.ScalarAsync(connection, sql, parameters);
    }

    /// <summary>A tenant's chain as it is stored.</summary>
    public Task<IReadOnlyList<AuditEntry>> ReadAsync(string tenant) => app.Services.GetRequiredService<Database>().ReadAsync(
        new Tenant(tenant), session => ChainStore.ListChainAsync(session, long.MinValue, Guid.Empty, 100_000), Ct);

    public ValueTask DisposeAsync() => app.DisposeAsync();

    private (AuditRecord, DateTimeOffset) One(int number) => (
        new AuditRecord($"key:mk_{number % 7}", number % 5 == 0 ? "denied.not-found" : "memory.store", number % 3 == 0 ? null : $"subject {number}", number, $"request-{number}")
        {
            Address = number % 5 == 0 ? "192.0.2.1" : null,
        },
        app.Time.Now().AddMicroseconds(number));
}
