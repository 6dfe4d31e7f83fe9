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

    private readonly ScanCursor? _cursor = options.Browse || options.Filter is not null ? new ScanCursor() : null;
    private AcquiredMessage[]? _candidates;

    public QueueHost Host => host;

    public ISubscriber Subscriber => subscriber;

    public int Priority => options.Priority;

    /// <summary>Whether it leaves messages where they are: it looks at the queue, or <see cref="IsCopying"/>.</summary>
    public bool IsBrowser => options.Browse;

    /// <summary>Whether it consumes, by copies, as all do where <see cref="NodeOptions.NonDestructive"/> says so; unlike one that asked to look only.</summary>
    public bool IsCopying { get; init; }

    public bool IsExclusive => options.Exclusive;

    /// <summary>True for a consumer with a position of its own: it filters or browses.</summary>
    public bool Scans => _cursor is not null;

    /// <summary>How far it has looked; only one that <see cref="Scans"/> has it.</summary>
    public ScanCursor Cursor => _cursor!;

    public ushort Slot { get; set; }

    /// <summary>Messages it holds, without those enlisted in transactions.</summary>
    public long Held { get; set; }

    public ConsumerWait Wait { get; set; }

    /// <summary>The queue's version when it last found nothing more; -1 = never.</summary>
    public long SeenVersion { get; set; } = -1;

    /// <summary>Where it stands among those of its priority; null while detached, and for one that <see cref="Scans"/>.</summary>
    public ConsumerBand? Band { get; set; }

    /// <summary>Its neighbours in the line of its band.</summary>
    public QueueConsumer? Ahead { get; set; }

    public QueueConsumer? Behind { get; set; }

    public bool IsAttached { get; set; } = true;

    /// <summary>The durable terminus that holds what this consumer acquires; 0 for none, as almost always.</summary>
    public uint Terminus { get; set; }

    public long Available => host.AvailableCount;

    public bool IsLooking { get; set; }

    /// <summary>The groups that belong to it and what waits for it in them; null before it had any.</summary>
    public GroupLane? Lane { get; set; }

    public int Acquire(Span<AcquiredMessage> into) => Scans && !into.IsEmpty ? AcquireByScan(into) : host.Acquire(this, into);

    public void Settle(ReadOnlySpan<Settlement> settlements, ISettleObserver? observer)
    {
        if (!settlements.IsEmpty)
        {
            host.Settle(this, settlements, observer);
        }
    }

    public HeldMessages? Suspend() => host.Suspend(this);

    public bool Adopt(HeldMessages held, List<AcquiredMessage> into)
    {
        ArgumentNullException.ThrowIfNull(held);
        return ReferenceEquals(held.Keeper.Host, host) && host.Adopt(held.Keeper, this, into);
    }

    public void Hold(ReadOnlySpan<long> tokens, Action<bool> done) => host.Hold(this, tokens, done);

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

    /// <summary>A message is available again. Browsers do not go back: they would see it twice.</summary>
    public void OnReturned(long token)
    {
        if (!IsBrowser)
        {
            _cursor?.Return(token);
        }
    }

    /// <summary>Looks at everything once more. Browsers do not.</summary>
    public void LookAgain()
    {
        if (!IsBrowser)
        {
            _cursor?.Restart();
        }
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
            // As many as there is room for, in case all match; more and more while few do.
            var wanted = Math.Min(ScanBatch, Math.Max(into.Length - taken, options.Filter is null ? 0 : looked));
            more = !host.CollectCandidates(this, _candidates.AsSpan(0, wanted), out var count, out version);
            looked += count;
            var matching = Select(_candidates.AsSpan(0, count), into.Length - taken);
            taken += TakeMatching(_candidates.AsSpan(0, matching), into[taken..]);
        }

        host.EndScan(this, satisfied: taken == into.Length, more, version);
        return taken;
    }

    /// <summary>Keeps the first <paramref name="room"/> matching candidates at the front; the others are released.</summary>
    private int Select(Span<AcquiredMessage> candidates, int room)
    {
        var kept = 0;
        for (var i = 0; i < candidates.Length; i++)
        {
            if (kept == room)
            {
                host.Return(this, candidates[i..]);
                ReleaseAll(candidates[i..]);
                break;
            }

            if (Matches(ref candidates[i]))
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

    /// <summary>Looks at a candidate. A body that was read from disk for it stays with it.</summary>
    private bool Matches(ref AcquiredMessage candidate)
    {
        if (options.Filter is not { } filter)
        {
            return true;
        }

        try
        {
            candidate.Message ??= LoadBody(candidate);
            return candidate.Message is { } message && filter.Matches(message, candidate.DeliveryCount);
        }
        catch (Exception cause) when (cause is EngineException or JournalException)
        {
            host.Context.Events.MessageDamaged(host.Name, candidate.MessageId, cause);
            return false;
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
