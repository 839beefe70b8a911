using Memoir.Kit.Limits;
using Memoir.Tests.Testing;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Kit.Limits;

public sealed class RateLimitTests
{
    private static readonly RateLimit PerMinute = new(60, 60);

    [Theory]
    [InlineData("200/minute", 200, 60)]
    [InlineData("1/second", 1, 1)]
    [InlineData("5000/hour", 5000, 3600)]
    [InlineData("10000000/day", 10_000_000, 86_400)]
    public void A_limit_is_read_and_written_as_it_is_spelled(string text, int permits, int seconds)
    {
        Assert.True(RateLimit.TryParse(text, out var limit));
        Assert.Equal(new RateLimit(permits, seconds), limit);
        Assert.Equal(text, limit.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("200")]
    [InlineData("200/fortnight")]
    [InlineData("0/minute")]
    [InlineData("-1/minute")]
    [InlineData("+5/minute")]
    [InlineData(" 5/minute")]
    [InlineData("5/minute/second")]
    [InlineData("10000001/day")]
    [InlineData("1e3/minute")]
    [InlineData("none")]
    public void Anything_else_is_no_limit_and_not_off(string text) => Assert.False(RateLimit.TryParse(text, out _));

    [Fact]
    public void Off_is_no_limit()
    {
        Assert.True(RateLimit.TryParse("off", out var limit));
        Assert.Null(limit);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(7, 1)]
    [InlineData(200, 60)]
    [InlineData(49, 300)]
    [InlineData(3, 86_400)]
    public async Task No_stretch_of_the_limits_length_admits_more_and_nearly_all_of_it_is_used(int permits, int seconds)
    {
        var limit = new RateLimit(permits, seconds);
        var time = new ManualTime();
        var limiter = new LocalPermits(time);
        var random = new Random(permits + seconds);
        var start = time.GetTimestamp();
        List<double> admitted = [];

        while (time.GetElapsedTime(start).TotalSeconds < 20 * seconds)
        {
            var burst = random.Next(8) == 0 ? permits * 2 : 1 + random.Next(1 + (permits / 20));
            for (var i = 0; i < burst; i++)
            {
                if ((await limiter.TakeAsync(new RateBucket("a:x", limit), Ct)).IsGranted)
                {
                    admitted.Add(time.GetElapsedTime(start).TotalSeconds);
                }
            }

            time.Advance(TimeSpan.FromSeconds(seconds * random.NextDouble() / (permits + 30)));
        }

        Assert.True(Admissions.MostIn(admitted, seconds) <= permits, "more than the limit");
        Assert.True(admitted.Count >= 0.95 * 20 * permits, $"only {admitted.Count} of {20 * permits}");
    }

    [Fact]
    public async Task What_a_caller_is_told_is_so()
    {
        var time = new ManualTime();
        var limiter = new LocalPermits(time);
        var bucket = new RateBucket("t:acme", PerMinute);
        for (var i = 0; i < 60; i++)
        {
            var standing = await limiter.TakeAsync(bucket, Ct);
            Assert.Equal((true, 59 - i, TimeSpan.Zero), (standing.IsGranted, standing.Remaining, standing.Wait));
        }

        var refused = await limiter.TakeAsync(bucket, Ct);
        time.Advance(refused.Wait - TimeSpan.FromSeconds(5));
        var early = await limiter.TakeAsync(bucket, Ct);
        time.Advance(TimeSpan.FromSeconds(5));
        var then = await limiter.TakeAsync(bucket, Ct);

        Assert.Equal((false, 0, false, true), (refused.IsGranted, refused.Remaining, early.IsGranted, then.IsGranted));
        Assert.True(refused.Wait <= TimeSpan.FromSeconds(61));
    }

    [Fact]
    public async Task A_clock_that_is_set_neither_frees_nor_blocks()
    {
        var time = new ManualTime();
        var limiter = new LocalPermits(time);
        var bucket = new RateBucket("t:acme", new RateLimit(2, 60));
        await limiter.TakeAsync(bucket, Ct);
        await limiter.TakeAsync(bucket, Ct);

        time.Set(TimeSpan.FromDays(1));
        var ahead = await limiter.TakeAsync(bucket, Ct);
        time.Set(TimeSpan.FromDays(-2));
        time.Advance(TimeSpan.FromSeconds(62));
        var after = await limiter.TakeAsync(bucket, Ct);

        Assert.Equal((false, true), (ahead.IsGranted, after.IsGranted));
    }

    [Fact]
    public async Task A_million_addresses_take_bounded_memory_and_none_gets_more_than_its_limit()
    {
        var time = new ManualTime();
        var limiter = new LocalPermits(time);
        var limit = new RateLimit(2, 60);
        for (var i = 0; i < 1_000_000; i++)
        {
            await limiter.TakeAsync(new RateBucket($"a:10.{i >> 16}.{(i >> 8) & 255}.{i & 255}", limit), Ct);
        }

        var count = limiter.Count;
        var one = new RateBucket("a:192.0.2.1", limit);
        var granted = 0;
        for (var i = 0; i < 10; i++)
        {
            granted += (await limiter.TakeAsync(one, Ct)).IsGranted ? 1 : 0;
        }

        time.Advance(TimeSpan.FromSeconds(62));
        await limiter.TidyAsync(Ct);

        Assert.InRange(count, 1, BucketTable<object>.MostBuckets + 1024);
        Assert.InRange(granted, 0, 2);
        Assert.Equal(0, limiter.Count);
    }

    [Fact]
    public async Task Requests_of_many_threads_get_the_limit_exactly()
    {
        var limiter = new LocalPermits(new ManualTime());
        var bucket = new RateBucket("t:acme", new RateLimit(1000, 60));

        var granted = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            var mine = 0;
            for (var i = 0; i < 500; i++)
            {
                mine += (await limiter.TakeAsync(bucket, Ct)).IsGranted ? 1 : 0;
            }

            return mine;
        }, Ct)));

        Assert.Equal(1000, granted.Sum());
    }
}
