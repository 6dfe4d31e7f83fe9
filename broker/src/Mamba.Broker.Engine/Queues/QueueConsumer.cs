using Mamba.Broker.Journal;

namespace Mamba.Broker.Engine;

/// <summary>
/// One consumer of one queue. The fields without comment on locking are guarded by the queue's lock.
/// </summary>
internal sealed class QueueConsumer(QueueHost host, SubscribeOptions options, ISubscriber subscriber) : ISubscription
{
    /// <summary>Messages looked at in one lock turn by a consumer that filters or browses.</summary>
    private const int ScanBatch = 64;

    /// <summary>Messages looked at in one call; then the consumer is signalled again, so that it does not starve others.</summary>
    private const int ScanLimit = 1024;

    private readonly long[]? _scan = options.Browse || options.Filter is not null ? new long[QueueIndex.Levels] : null;
    private AcquiredMessage[]? _candidates;

    public QueueHost Host => host;

    public ISubscriber Subscriber => subscriber;

    public int Priority => options.Priority;

    public bool IsBrowser => options.Browse;

    public bool IsExclusive => options.Exclusive;

    /// <summary>True for a consumer with a position of its own: it filters or browses.</summary>
    public bool Scans => _scan is not null;

    public ushort Slot { get; set; }

    /// <summary>Messages it holds, without those enlisted in transactions.</summary>
    public long Held { get; set; }

    public ConsumerWait Wait { get; set; }

    /// <summary>The queue's version when it last found nothing more; -1 = never.</summary>
    public long SeenVersion { get; set; } = -1;

    public bool IsAttached { get; set; } = true;

    public long Available => host.AvailableCount;

    public int Acquire(Span<AcquiredMessage> into) => Scans && !into.IsEmpty ? AcquireByScan(into) : host.Acquire(this, into);

    public void Settle(ReadOnlySpan<Settlement> settlements, ISettleObserver? observer)
    {
        if (!settlements.IsEmpty)
        {
            host.Settle(this, settlements, observer);
        }
    }

    public void Close(SettleOnClose mode) => host.CloseConsumer(this, mode == SettleOnClose.Failed);

    public StoredMessage? LoadBody(in AcquiredMessage acquired)
    {
        if (acquired.Message is { } here)
        {
            here.AddReference();
            return here;
        }

        return host.LoadBody(acquired.Token, acquired.MessageId, acquired.Location);
    }

    public long ScanPosition(int level) => _scan![level];

    public void MoveScan(int level, long sequence) => _scan![level] = sequence;

    /// <summary>A message before the scan position is available again. Browsers do not go back: they would see it twice.</summary>
    public void LowerScan(long token)
    {
        if (_scan is not null && !IsBrowser)
        {
            ReturnScan(token);
        }
    }

    private void ReturnScan(long token)
    {
        var level = QueueIndex.LevelOf(token);
        _scan![level] = Math.Min(_scan[level], QueueIndex.SequenceOf(token));
    }

    /// <summary>Collects candidates under the lock, looks at them without it, and takes what matches and is still there.</summary>
    private int AcquireByScan(Span<AcquiredMessage> into)
    {
        _candidates ??= new AcquiredMessage[ScanBatch];
        var taken = 0;
        var looked = 0;
        var more = host.BeginScan(this);
        var version = -1L;
        while (more && taken < into.Length && looked < ScanLimit)
        {
            var wanted = options.Filter is null ? Math.Min(ScanBatch, into.Length - taken) : ScanBatch;
            more = !host.CollectCandidates(this, _candidates.AsSpan(0, wanted), out var count, out version);
            looked += count;
            var matching = Select(_candidates.AsSpan(0, count), into.Length - taken, ref more);
            taken += TakeMatching(_candidates.AsSpan(0, matching), into[taken..]);
        }

        host.EndScan(this, satisfied: taken == into.Length, more ? -1 : version);
        return taken;
    }

    /// <summary>Keeps the first <paramref name="room"/> matching candidates at the front; the others are released.</summary>
    private int Select(Span<AcquiredMessage> candidates, int room, ref bool more)
    {
        var kept = 0;
        for (var i = 0; i < candidates.Length; i++)
        {
            if (kept == room)
            {
                host.Locked(this, candidates[i].Token, static (consumer, token) => consumer.ReturnScan(token));
                more = true;
                ReleaseAll(candidates[i..]);
                break;
            }

            if (Matches(candidates[i]))
            {
                candidates[kept++] = candidates[i];
            }
            else
            {
                candidates[i].Message?.Release();
            }
        }

        return kept;
    }

    private bool Matches(in AcquiredMessage candidate)
    {
        if (options.Filter is not { } filter)
        {
            return true;
        }

        StoredMessage? message = null;
        try
        {
            message = LoadBody(candidate);
            return message is not null && filter.Matches(message);
        }
        catch (Exception cause) when (cause is EngineException or JournalException)
        {
            host.Context.Events.MessageDamaged(host.Name, candidate.MessageId, cause);
            return false;
        }
        finally
        {
            message?.Release();
        }
    }

    private int TakeMatching(Span<AcquiredMessage> matching, Span<AcquiredMessage> into)
    {
        if (IsBrowser)
        {
            matching.CopyTo(into);
            return matching.Length;
        }

        var taken = host.AcquireThese(this, matching, into);
        ReleaseAll(matching);
        return taken;
    }

    private static void ReleaseAll(Span<AcquiredMessage> messages)
    {
        foreach (ref var message in messages)
        {
            message.Message?.Release();
            message.Message = null;
        }
    }
}
