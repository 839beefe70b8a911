using Memoir.Kit.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Memoir.Tests.Kit.Http;

public sealed class TransfersTests
{
    private const int Mebibyte = 1024 * 1024;

    private readonly Clock _time = new();

    [Fact]
    public void Bodies_under_way_hold_64_MiB_together_and_no_more()
    {
        var transfers = new Transfers(_time);
        transfers.TakeForBody(64 * Mebibyte, owner: "");

        var refused = Assert.Throws<ProblemException>(() => transfers.TakeForBody(1, owner: ""));
        transfers.GiveBackBody(Mebibyte, owner: "");

        Assert.Equal(Problem.Overloaded, refused.Problem);
        transfers.TakeForBody(Mebibyte, owner: "");
    }

    [Fact]
    public void One_tenant_holds_half_of_the_bodies_and_leaves_the_rest_to_others()
    {
        var transfers = new Transfers(_time);
        transfers.TakeForBody(32 * Mebibyte, "acme");

        Assert.Throws<ProblemException>(() => transfers.TakeForBody(1, "acme"));
        transfers.TakeForBody(32 * Mebibyte, "globex");
        transfers.GiveBackBody(Mebibyte, "acme");

        transfers.TakeForBody(Mebibyte, "acme");
    }

    [Fact]
    public async Task One_tenant_holds_half_of_the_answers_and_makes_room_by_cutting_its_own_readers()
    {
        var transfers = new Transfers(_time);
        var others = transfers.WriteAsync(NobodyReads("globex"), new byte[20 * Mebibyte]);
        _time.Pass(TimeSpan.FromSeconds(10));
        var own = transfers.WriteAsync(NobodyReads("acme"), new byte[20 * Mebibyte]);

        var refused = await Assert.ThrowsAsync<ProblemException>(() => transfers.WriteAsync(NobodyReads("acme"), new byte[20 * Mebibyte]));
        _time.Pass(TimeSpan.FromSeconds(5));
        var next = transfers.WriteAsync(NobodyReads("acme"), new byte[20 * Mebibyte]);

        await own; // It ends because it was cut.
        Assert.Equal((Problem.Overloaded, false, false), (refused.Problem, others.IsCompleted, next.IsCompleted));
    }

    [Fact]
    public async Task Large_answers_make_room_by_cutting_the_reader_that_stands_longest()
    {
        var transfers = new Transfers(_time);
        var first = transfers.WriteAsync(NobodyReads(), new byte[30 * Mebibyte]);
        _time.Pass(TimeSpan.FromSeconds(5));
        var second = transfers.WriteAsync(NobodyReads(), new byte[30 * Mebibyte]);

        var third = transfers.WriteAsync(NobodyReads(), new byte[30 * Mebibyte]);

        await first; // It ends because it was cut.
        Assert.Equal((false, false), (second.IsCompleted, third.IsCompleted));
    }

    [Fact]
    public async Task A_large_answer_is_refused_while_all_others_are_being_read()
    {
        var transfers = new Transfers(_time);
        var first = transfers.WriteAsync(NobodyReads(), new byte[30 * Mebibyte]);
        var second = transfers.WriteAsync(NobodyReads(), new byte[30 * Mebibyte]);

        var refused = await Assert.ThrowsAsync<ProblemException>(() => transfers.WriteAsync(NobodyReads(), new byte[30 * Mebibyte]));

        Assert.Equal(Problem.Overloaded, refused.Problem);
        Assert.Equal((false, false), (first.IsCompleted, second.IsCompleted));
    }

    [Fact]
    public async Task An_answer_arrives_whole_however_large_it_is()
    {
        var body = new byte[(3 * Transfers.PieceBytes) + 7];
        Random.Shared.NextBytes(body);
        using var received = new MemoryStream();
        var http = new DefaultHttpContext();
        http.Features.Set<IHttpResponseBodyFeature>(new StreamResponseBodyFeature(received));

        await new Transfers(_time).WriteAsync(http, body);

        Assert.Equal(body, received.ToArray());
    }

    private static DefaultHttpContext NobodyReads(string owner = "")
    {
        var http = new DefaultHttpContext();
        Transfers.SetOwner(http, owner);
        http.Features.Set<IHttpResponseBodyFeature>(new StreamResponseBodyFeature(new StandingStream()));
        return http;
    }

    /// <summary>A reader that takes nothing.</summary>
    private sealed class StandingStream : MemoryStream
    {
        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
    }

    private sealed class Clock : TimeProvider
    {
        private long _ticks;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _ticks;

        public void Pass(TimeSpan time) => _ticks += time.Ticks;
    }
}
