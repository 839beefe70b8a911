using System.Data.Common;
using System.Globalization;
using System.Net;
using Memoir.Kit.Limits;
using Memoir.Kit.Limits.Shared;
using Memoir.Tests.Kit.Limits;
using Memoir.Tests.Testing;
using Microsoft.Extensions.DependencyInjection;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Postgres;

/// <summary>R5: limits over several processes on one database, whose clock the test sets.</summary>
public sealed class SharedLimitTests : IAsyncLifetime
{
    private const int Permits = 100;

    private static readonly RateBucket Bucket = new("t:acme", new RateLimit(Permits, 60));

    private readonly string _folder = Directory.CreateTempSubdirectory("memoir-limits-").FullName;
    private readonly List<(TestApp App, ManualTime Time)> _processes = [];
    private string _database = "";
    private DbConnection? _clock;

    public async ValueTask InitializeAsync()
    {
        _database = await PostgresServer.FindOrCreateAsync(_folder, PostgresServer.CreateAsync);
        foreach (var sql in (string[])
            [
                "CREATE TABLE test_clock (at timestamptz NOT NULL)", "INSERT INTO test_clock VALUES (now())", "GRANT SELECT ON test_clock TO PUBLIC",
                "CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS 'SELECT at FROM public.test_clock'",
                $"ALTER DATABASE {_database} SET search_path = public, pg_catalog",
            ])
        {
            await PostgresServer.AsOwnerAsync(_database, sql);
        }

        _clock = await PostgresServer.ConnectAsync(PostgresServer.OwnerUrlOf(_database));
    }

    public async ValueTask DisposeAsync()
    {
        for (var i = _processes.Count - 1; i >= 0; i--)
        {
            await _processes[i].App.DisposeAsync();
        }

        await _clock!.DisposeAsync();
        await PostgresServer.DropAsync(_database);
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task All_processes_together_admit_the_limit_and_nearly_all_of_it(int count)
    {
        await StartAsync(count);

        var admitted = await Admissions.FloodAsync(Permitting, Bucket, steps: 240, _ => AdvanceAsync(1.25));

        Assert.True(Admissions.MostIn(admitted, 60) <= Permits, $"{Admissions.MostIn(admitted, 60)} in a minute");
        Assert.True(admitted.Count >= 0.95 * 5 * Permits, $"only {admitted.Count} in five minutes");
    }

    [Fact]
    public async Task A_clock_that_is_wrong_or_set_and_a_restart_change_nothing()
    {
        await StartAsync(3);
        _processes[1].Time.Set(TimeSpan.FromSeconds(90));

        var admitted = await Admissions.FloodAsync(Permitting, Bucket, steps: 240, async step =>
        {
            if (step % 40 == 12)
            {
                _processes[2].Time.Set(TimeSpan.FromSeconds(step % 80 == 12 ? -300 : 300));
            }

            if (step % 60 == 40)
            {
                await _processes[2].App.DisposeAsync(); // As if it was killed: it gives nothing back.
                _processes[2] = Beside(new ManualTime());
            }

            return await AdvanceAsync(1.25);
        });

        Assert.True(Admissions.MostIn(admitted, 60) <= Permits, $"{Admissions.MostIn(admitted, 60)} in a minute");
        Assert.True(admitted.Count >= 0.95 * 5 * Permits, $"only {admitted.Count} in five minutes");
    }

    /// <summary>The control: what the test above finds where each process counts for itself.</summary>
    [Fact]
    public async Task Processes_that_count_for_themselves_admit_the_limit_each()
    {
        await StartAsync(3);
        LocalPermits[] alone = [.. _processes.Select(process => new LocalPermits(process.Time))];

        var admitted = await Admissions.FloodAsync(() => alone, Bucket, steps: 60, _ => AdvanceAsync(1.25));

        Assert.True(Admissions.MostIn(admitted, 60) >= 3 * Permits);
    }

    [Fact]
    public async Task What_callers_are_told_is_so_over_processes()
    {
        await StartAsync(2, ("GlobalRateLimit", "20/minute"));
        var (a, b) = (_processes[0].App.CreateClient(), _processes[1].App.CreateClient());
        var ok = 0;
        HttpResponseMessage? refused = null;
        for (var i = 0; i < 40 && refused is null; i++)
        {
            var answer = await (i % 2 == 0 ? a : b).GetAsync("/version", Ct);
            Assert.Equal("20", answer.Headers.GetValues("X-RateLimit-Limit").Single());
            if (answer.StatusCode == HttpStatusCode.OK)
            {
                ok++;
            }
            else
            {
                refused = answer;
            }
        }

        Assert.NotNull(refused);
        await refused.RefusedAsync(HttpStatusCode.TooManyRequests, "rate-limited");
        var other = await (ok % 2 == 0 ? b : a).GetAsync("/version", Ct);
        await AdvanceAsync(Math.Max(refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds, other.Headers.RetryAfter?.Delta?.TotalSeconds ?? 0));
        var then = await b.GetAsync("/version", Ct);

        Assert.InRange(ok, 19, 20);
        Assert.Equal(HttpStatusCode.OK, then.StatusCode);
        Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 68);
    }

    [Fact]
    public async Task Far_below_the_limit_most_requests_ask_nothing_of_the_database()
    {
        await StartAsync(1);
        var permits = _processes[0].App.Services.GetRequiredService<IPermits>();
        var asked = Asked();

        for (var i = 0; i < 40; i++)
        {
            Assert.True((await permits.TakeAsync(Bucket, Ct)).IsGranted);
            await AdvanceAsync(0.8);
        }

        await permits.TidyAsync(Ct);
        Assert.InRange(Asked() - asked, 1, 24);
    }

    [Fact]
    public async Task A_refused_flood_asks_the_database_once_a_second_at_most()
    {
        await StartAsync(1);
        var permits = _processes[0].App.Services.GetRequiredService<IPermits>();
        for (var i = 0; i < Permits; i++)
        {
            await permits.TakeAsync(Bucket, Ct);
        }

        await permits.TakeAsync(Bucket, Ct);
        var asked = Asked();
        for (var i = 0; i < 10_000; i++)
        {
            Assert.False((await permits.TakeAsync(Bucket, Ct)).IsGranted);
        }

        Assert.InRange(Asked() - asked, 0, 5);
    }

    [Fact]
    public async Task Without_the_database_a_process_admits_half_and_counts_it_afterwards()
    {
        await StartAsync(1);
        var permits = _processes[0].App.Services.GetRequiredService<IPermits>();
        await PostgresServer.AsOwnerAsync(_database, "ALTER TABLE rate_permits RENAME TO gone");

        var alone = await CountAsync(permits, 3 * Permits);
        await PostgresServer.AsOwnerAsync(_database, "ALTER TABLE gone RENAME TO rate_permits");
        await AdvanceAsync(2);
        var after = await CountAsync(permits, 3 * Permits);

        Assert.Equal((Permits / 2, Permits / 2), (alone, after));
    }

    [Fact]
    public async Task A_process_that_stops_gives_back_what_it_did_not_use()
    {
        await StartAsync(2);
        var (first, second) = (Permitting()[0], Permitting()[1]);
        await first.TakeAsync(Bucket, Ct);

        await first.StopAsync(Ct);

        Assert.Equal(Permits - 1, await CountAsync(second, 2 * Permits));
    }

    [Fact]
    public async Task Rows_in_which_nothing_counts_are_forgotten_and_none_names_its_caller()
    {
        await StartAsync(1);
        await Permitting()[0].TakeAsync(Bucket, Ct);
        var names = (string)(await AsSystemAsync("SELECT string_agg(bucket, ' ') FROM rate_permits"))!;

        await Permitting()[0].StopAsync(Ct);
        await AdvanceAsync(200);
        await Permitting()[0].TidyAsync(Ct);

        Assert.DoesNotContain("acme", names, StringComparison.Ordinal);
        Assert.Equal(0L, await AsSystemAsync("SELECT COUNT(*) FROM rate_permits"));
    }

    private static async Task<int> CountAsync(IPermits permits, int requests)
    {
        var granted = 0;
        for (var i = 0; i < requests; i++)
        {
            granted += (await permits.TakeAsync(Bucket, Ct)).IsGranted ? 1 : 0;
        }

        return granted;
    }

    private IReadOnlyList<IPermits> Permitting() => [.. _processes.Select(process => process.App.Services.GetRequiredService<IPermits>())];

    private async Task StartAsync(int count, params (string, string?)[] settings)
    {
        var first = await TestApp.StartInAsync(_folder, settings);
        _processes.Add((first, first.Time));
        Assert.IsType<SharedPermits>(first.Services.GetRequiredService<IPermits>());
        while (_processes.Count < count)
        {
            _processes.Add(Beside(new ManualTime()));
        }
    }

    private (TestApp, ManualTime) Beside(ManualTime time) => (TestApp.StartBeside(_processes[0].App, time), time);

    private async Task<double> AdvanceAsync(double seconds)
    {
        var by = seconds.ToString(CultureInfo.InvariantCulture);
        await RawDatabase.ScalarAsync(_clock!, $"UPDATE test_clock SET at = at + interval '{by} seconds'");
        _processes.ForEach(process => process.Time.Advance(TimeSpan.FromSeconds(seconds)));
        return seconds;
    }

    private int Asked() => ((SharedPermits)Permitting()[0]).Asked;

    private Task<object?> AsSystemAsync(string sql) => PostgresServer.AskAsync(PostgresServer.SuperuserUrlOf(_database), sql);
}
