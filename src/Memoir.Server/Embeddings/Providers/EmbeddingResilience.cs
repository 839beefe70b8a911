using Polly;
using Polly.CircuitBreaker;
using Polly.Retry;
using Polly.Timeout;

namespace Memoir.Server.Embeddings.Providers;

/// <summary>
/// How often, how long and whether at all a provider is asked. Queries and documents share one circuit:
/// what either learns about the provider holds for both.
/// </summary>
internal sealed partial class EmbeddingResilience
{
    // A longer wait is the job queue's business, not that of a thread of work.
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(30);

    // What a provider may ask for at most: a typing error of its must not silence it for a day.
    private static readonly TimeSpan LongestPause = TimeSpan.FromHours(1);

    private readonly EmbeddingHealth _health;
    private readonly RequestPace _pace;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Pipelines _queries;
    private readonly Pipelines _documents;
    private long _pausedUntil;

    public EmbeddingResilience(EmbeddingOptions options, RequestPace pace, TimeProvider time, ILogger logger)
    {
        _health = new EmbeddingHealth(time);
        _pace = pace;
        _time = time;
        _logger = logger;
        var circuit = new ResiliencePipelineBuilder { TimeProvider = time }.AddCircuitBreaker(Circuit(options)).Build();

        // A query's single try ends a little before its whole budget, so that the circuit learns of the timeout.
        _queries = new Pipelines(
            new ResiliencePipelineBuilder { TimeProvider = time }
                .AddTimeout(options.QueryTimeout)
                .AddRetry(Retries(1, options.RetryDelay / 10, longestWait: options.QueryTimeout / 4, timeoutsToo: false))
                .Build(),
            new ResiliencePipelineBuilder { TimeProvider = time }.AddPipeline(circuit).AddTimeout(options.QueryTimeout * 0.9).Build());

        var documents = new ResiliencePipelineBuilder { TimeProvider = time };
        if (options.DocumentRetries > 0)
        {
            documents.AddRetry(Retries(options.DocumentRetries, options.RetryDelay, LongestWait, timeoutsToo: true));
        }

        _documents = new Pipelines(
            documents.Build(),
            new ResiliencePipelineBuilder { TimeProvider = time }.AddPipeline(circuit).AddTimeout(options.DocumentTimeout).Build());
    }

    public EmbeddingStanding Standing => _health.Standing;

    /// <summary>Asks, again where that may help; every failure but the caller's own leaving becomes an <see cref="EmbeddingException"/>.</summary>
    public async Task<T> AskAsync<T>(EmbeddingPurpose purpose, Func<CancellationToken, ValueTask<T>> ask, CancellationToken ct)
    {
        RefuseWhilePaused();
        var (retries, once) = purpose == EmbeddingPurpose.Query ? _queries : _documents;
        try
        {
            // Our own limit comes before the circuit, which would take it for a sign of the provider's health.
            var answer = await retries.ExecuteAsync(
                token =>
                {
                    _pace.Take(purpose);
                    return once.ExecuteAsync(ask, token);
                },
                ct);
            _health.Succeeded();
            return answer;
        }
        catch (BrokenCircuitException cause)
        {
            _pace.GiveBack();
            throw new EmbeddingException(
                EmbeddingError.Unavailable, "The embedding provider is left alone for a while after repeated failures.", cause)
            {
                RetryAfter = cause.RetryAfter,
            };
        }
        catch (TimeoutRejectedException cause)
        {
            _health.Failed(EmbeddingError.Timeout);
            throw new EmbeddingException(EmbeddingError.Timeout, "The embedding provider gave no answer in time.", cause);
        }
        catch (EmbeddingException failure) when (failure.IsProviderFault)
        {
            _health.Failed(failure.Error);
            if (failure is { Error: EmbeddingError.RateLimited, RetryAfter: { } wait })
            {
                Volatile.Write(ref _pausedUntil, (_time.GetUtcNow() + (wait < LongestPause ? wait : LongestPause)).UtcTicks);
            }

            throw;
        }
    }

    /// <summary>A provider that asked to be left alone is, by everybody.</summary>
    private void RefuseWhilePaused()
    {
        var left = new TimeSpan(Volatile.Read(ref _pausedUntil) - _time.GetUtcNow().UtcTicks);
        if (left > TimeSpan.Zero)
        {
            throw new EmbeddingException(EmbeddingError.Paced, "The embedding provider asked to be left alone for a while.") { RetryAfter = left };
        }
    }

    private CircuitBreakerStrategyOptions Circuit(EmbeddingOptions options) => new()
    {
        FailureRatio = 0.5,
        MinimumThroughput = 4,
        SamplingDuration = TimeSpan.FromSeconds(60),
        BreakDuration = options.BreakDuration,
        ShouldHandle = new PredicateBuilder()
            .Handle<EmbeddingException>(failure => failure.IsProviderFault)
            .Handle<TimeoutRejectedException>(),
        OnOpened = opened =>
        {
            _health.Turned(EmbeddingCircuit.Open);
            LogCircuitOpened(opened.BreakDuration.TotalSeconds, ErrorOf(opened.Outcome.Exception));
            return default;
        },
        OnHalfOpened = _ =>
        {
            _health.Turned(EmbeddingCircuit.HalfOpen);
            return default;
        },
        OnClosed = _ =>
        {
            _health.Turned(EmbeddingCircuit.Closed);
            LogCircuitClosed();
            return default;
        },
    };

    private static EmbeddingError ErrorOf(Exception? exception) =>
        exception is EmbeddingException failure ? failure.Error : EmbeddingError.Timeout;

    private static RetryStrategyOptions Retries(int most, TimeSpan delay, TimeSpan longestWait, bool timeoutsToo)
    {
        var worthwhile = new PredicateBuilder().Handle<EmbeddingException>(failure =>
            failure.Error is EmbeddingError.RateLimited or EmbeddingError.Unavailable
            && (failure.RetryAfter ?? TimeSpan.Zero) <= longestWait);

        return new RetryStrategyOptions
        {
            MaxRetryAttempts = most,
            BackoffType = DelayBackoffType.Exponential,
            UseJitter = true,
            Delay = delay,
            MaxDelay = longestWait,
            ShouldHandle = timeoutsToo ? worthwhile.Handle<TimeoutRejectedException>() : worthwhile,
            DelayGenerator = retry => ValueTask.FromResult((retry.Outcome.Exception as EmbeddingException)?.RetryAfter),
        };
    }

    /// <summary>How often something is asked, and what surrounds each single try.</summary>
    private sealed record Pipelines(ResiliencePipeline Retries, ResiliencePipeline Once);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The embedding provider fails ({Error}); it is left alone for {Seconds} s")]
    private partial void LogCircuitOpened(double seconds, EmbeddingError error);

    [LoggerMessage(Level = LogLevel.Information, Message = "The embedding provider answers again")]
    private partial void LogCircuitClosed();
}
