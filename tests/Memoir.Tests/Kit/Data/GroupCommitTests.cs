using System.Diagnostics.Metrics;
using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Tests.Testing;
using static Memoir.Tests.Testing.TestDatabase;

namespace Memoir.Tests.Kit.Data;

/// <summary>Many writes share a commit, each fails alone, and none is answered before it is durable.</summary>
public sealed class GroupCommitTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Concurrent_writes_are_all_there_after_reopening()
    {
        var folder = Directory.CreateTempSubdirectory("memoir-kit-").FullName;
        using (var store = await OpenAsync(folder: folder))
        {
            await Task.WhenAll(Enumerable.Range(0, 500).Select(i => Task.Run(() => store.AddAsync($"note {i:000}"), Ct)));
        }

        using var reopened = await OpenAsync(folder: folder);

        Assert.Equal(Enumerable.Range(0, 500).Select(i => $"note {i:000}"), await reopened.NotesAsync());
    }

    [Fact]
    public async Task Writes_that_wait_together_share_a_commit()
    {
        using var store = await OpenAsync();
        List<double> groups = [];
        using var listener = Listen(store, groups);
        using var gate = await store.HoldWriterAsync();
        var answers = Enumerable.Range(0, 100).Select(i => store.AddAsync($"{i}")).ToArray();

        await gate.OpenAsync();
        await Task.WhenAll(answers);
        await store.AddAsync("the group before this one has been measured");

        Assert.InRange(groups.Count, 1, 50);
        Assert.Equal(101, await store.CountAsync());
    }

    [Fact]
    public async Task A_closure_that_throws_undoes_its_own_work_while_its_group_commits()
    {
        using var store = await OpenAsync();
        using var gate = await store.HoldWriterAsync();
        var before = store.AddAsync("before");
        var failing = store.Database.WriteAsync(
            Acme,
            async session =>
            {
                await InsertAsync(session, "half");
                throw new ProblemException(Problem.Conflict, "No.");
            },
            Ct);
        var after = store.AddAsync("past");

        await gate.OpenAsync();
        await Task.WhenAll(before, after);
        var refusal = await Assert.ThrowsAsync<ProblemException>(() => failing);

        Assert.Equal(Problem.Conflict, refusal.Problem);
        Assert.Equal(["before", "past"], await store.NotesAsync());
    }

    [Fact]
    public async Task A_statement_that_breaks_a_rule_of_the_table_fails_alone()
    {
        using var store = await OpenAsync();
        using var gate = await store.HoldWriterAsync();
        var first = store.AddAsync("twin");
        var second = store.AddAsync("twin");
        var other = store.AddAsync("other");

        await gate.OpenAsync();
        await Task.WhenAll(first, other);
        await Assert.ThrowsAnyAsync<Exception>(() => second);

        Assert.Equal(["other", "twin"], await store.NotesAsync());
    }

    [Fact]
    public async Task A_write_can_be_read_by_anybody_at_the_moment_of_its_answer()
    {
        using var store = await OpenAsync();

        for (var i = 1; i <= 50; i++)
        {
            await store.AddAsync($"{i}");

            Assert.Equal(i, await store.CountAsync());
        }
    }

    [Fact]
    public async Task After_commit_callbacks_run_in_commit_order_and_before_the_answers()
    {
        using var store = await OpenAsync();
        using var gate = await store.HoldWriterAsync();
        List<int> order = [];
        List<bool> answered = [];
        var answers = new Task<int>[40];
        for (var i = 0; i < answers.Length; i++)
        {
            var number = i;
            answers[i] = store.Database.WriteAsync(
                Acme,
                session =>
                {
                    session.AfterCommit(() => order.Add(number));
                    session.AfterCommit(() => answered.Add(answers[number].IsCompleted));
                    return InsertAsync(session, $"{number}");
                },
                Ct);
        }

        await gate.OpenAsync();
        await Task.WhenAll(answers);

        Assert.Equal(Enumerable.Range(0, 40), order);
        Assert.DoesNotContain(true, answered);
    }

    [Fact]
    public async Task A_failed_closure_has_no_after_commit_callback()
    {
        using var store = await OpenAsync();
        var called = false;

        await Assert.ThrowsAsync<TimeZoneNotFoundException>(() => store.Database.WriteAsync(
            Acme,
            session =>
            {
                session.AfterCommit(() => called = true);
                throw new TimeZoneNotFoundException();
            },
            Ct));
        await store.AddAsync("later");

        Assert.False(called);
    }

    [Fact]
    public async Task A_callback_that_throws_takes_neither_the_writer_nor_the_others_with_it()
    {
        using var store = await OpenAsync();
        using var gate = await store.HoldWriterAsync();
        var called = false;
        var broken = store.Database.WriteAsync(
            Acme,
            session =>
            {
                session.AfterCommit(() => throw new TimeZoneNotFoundException());
                return InsertAsync(session, "committed all the same");
            },
            Ct);
        var healthy = store.Database.WriteAsync(
            Acme,
            session =>
            {
                session.AfterCommit(() => called = true);
                return InsertAsync(session, "healthy");
            },
            Ct);

        await gate.OpenAsync();
        await healthy;
        await Assert.ThrowsAsync<TimeZoneNotFoundException>(() => broken);

        Assert.True(called);
        Assert.Equal(["committed all the same", "healthy"], await store.NotesAsync());
    }

    [Fact]
    public async Task A_write_whose_caller_left_before_it_ran_is_not_run()
    {
        using var store = await OpenAsync();
        using var gate = await store.HoldWriterAsync();
        using var caller = new CancellationTokenSource();
        var abandoned = store.Database.WriteAsync(Acme, session => InsertAsync(session, "abandoned"), caller.Token);

        await caller.CancelAsync();
        await gate.OpenAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => abandoned);
        Assert.Empty(await store.NotesAsync());
    }

#if POSTGRES
    [Fact]
    public async Task A_caller_that_gives_up_does_not_wait_for_a_server_that_does_not_answer()
    {
        using var store = await OpenAsync();
        using var gate = await store.HoldWriterAsync();
        using var caller = new CancellationTokenSource();
        var abandoned = store.Database.WriteAsync(Acme, session => InsertAsync(session, "abandoned"), caller.Token);

        await caller.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => abandoned);
        await gate.OpenAsync();
        await store.AddAsync("later");
        Assert.Equal(["later"], await store.NotesAsync());
    }
#endif

    [Fact]
    public async Task A_write_whose_caller_left_after_it_ran_is_kept_and_answered()
    {
        using var store = await OpenAsync();
        using var caller = new CancellationTokenSource();

        var changed = await store.Database.WriteAsync(
            Acme,
            async session =>
            {
                var rows = await InsertAsync(session, "kept");
#pragma warning disable CA1849 // The closure must not await anything but its session.
                caller.Cancel();
#pragma warning restore CA1849
                return rows;
            },
            caller.Token);

        Assert.Equal(1, changed);
        Assert.Equal(["kept"], await store.NotesAsync());
    }

    [Fact]
    public async Task A_closure_that_awaits_anything_but_its_session_is_refused_and_undone()
    {
        using var store = await OpenAsync();
        var never = new TaskCompletionSource();

        await Assert.ThrowsAsync<InvalidOperationException>(() => store.Database.WriteAsync(
            Acme,
            async session =>
            {
                await InsertAsync(session, "early");
                await never.Task;
            },
            Ct));

        Assert.Empty(await store.NotesAsync());
    }

    [Fact]
    public async Task A_refused_closure_that_wakes_up_later_can_write_nothing_more()
    {
        using var store = await OpenAsync();
        var later = new TaskCompletionSource();
        Task? running = null;
        await Assert.ThrowsAsync<InvalidOperationException>(() => store.Database.WriteAsync(Acme, session => running = WakeAsync(session), Ct));

        later.SetResult();

        await Assert.ThrowsAsync<InvalidOperationException>(() => running!);
        Assert.Empty(await store.NotesAsync());

        async Task WakeAsync(Session session)
        {
            await later.Task;
            await InsertAsync(session, "late");
        }
    }

    [Fact]
    public async Task A_full_queue_is_answered_overloaded_and_keeps_what_it_took()
    {
        using var store = await OpenAsync(queueLimit: 2);
        using var gate = await store.HoldWriterAsync();
        var taken = new[] { store.AddAsync("first"), store.AddAsync("second") };

        var refusal = await Assert.ThrowsAsync<ProblemException>(() => store.AddAsync("third"));
        await gate.OpenAsync();
        await Task.WhenAll(taken);

        Assert.Equal(Problem.Overloaded, refusal.Problem);
        Assert.Equal(["first", "second"], await store.NotesAsync());
    }

    [Fact]
    public async Task Writes_accepted_before_the_end_are_committed_by_it_and_later_ones_refused()
    {
        var folder = Directory.CreateTempSubdirectory("memoir-kit-").FullName;
        var store = await OpenAsync(folder: folder);
        var gate = await store.HoldWriterAsync();
        var accepted = store.AddAsync("accepted");
        var ending = Task.Run(store.Dispose, Ct);

        gate.Dispose();
        await ending;
        await accepted;
        var refusal = await Assert.ThrowsAsync<ProblemException>(() => store.AddAsync("too late"));

        Assert.Equal(Problem.Draining, refusal.Problem);
        using (var reopened = await OpenAsync(folder: folder))
        {
            Assert.Equal(["accepted"], await reopened.NotesAsync());
        }

        Directory.Delete(folder, recursive: true);
    }

    private static MeterListener Listen(TestDatabase store, List<double> groups)
    {
        var listener = new MeterListener
        {
            InstrumentPublished = (instrument, self) =>
            {
                if (ReferenceEquals(instrument.Meter, store.Meters.Meter) && instrument.Name == "write_group_size")
                {
                    self.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<double>((_, value, _, _) => groups.Add(value));
        listener.SetMeasurementEventCallback<long>((_, value, _, _) => groups.Add(value));
        listener.SetMeasurementEventCallback<int>((_, value, _, _) => groups.Add(value));
        listener.Start();
        return listener;
    }
}
