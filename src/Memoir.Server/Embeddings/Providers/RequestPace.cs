namespace Memoir.Server.Embeddings.Providers;

/// <summary>At most so many requests in any minute, of the whole process. Nobody waits here: who comes too early is told how long.</summary>
internal sealed class RequestPace(int? perMinute, TimeProvider time)
{
    private static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private readonly List<DateTimeOffset> _sent = [];

    // Background work must not use up what a search would need: embedding a whole store anew takes hours at such a pace.
    private readonly int _keptForQueries = (perMinute ?? 0) / 10;

    /// <summary>Takes a place among the requests of this minute.</summary>
    /// <exception cref="EmbeddingException">There is none; it says when there will be.</exception>
    public void Take(EmbeddingPurpose purpose)
    {
        if (perMinute is not { } most)
        {
            return;
        }

        var limit = purpose == EmbeddingPurpose.Query ? most : most - _keptForQueries;
        lock (_gate)
        {
            // Out of the window, or from a clock that was set back.
            var now = time.GetUtcNow();
            _sent.RemoveAll(sent => now - sent >= Window || sent > now);
            if (_sent.Count >= limit)
            {
                throw new EmbeddingException(EmbeddingError.Paced, "The limit of requests to embedding providers is used up for now.")
                {
                    RetryAfter = _sent[^limit] + Window - now,
                };
            }

            _sent.Add(now);
        }
    }

    /// <summary>Gives a place back whose request was not sent after all.</summary>
    public void GiveBack()
    {
        lock (_gate)
        {
            if (_sent.Count > 0)
            {
                _sent.RemoveAt(_sent.Count - 1);
            }
        }
    }
}
