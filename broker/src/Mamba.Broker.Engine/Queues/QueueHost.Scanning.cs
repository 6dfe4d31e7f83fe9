namespace Mamba.Broker.Engine;

/// <content>Consumers that look for themselves: they filter or browse.</content>
internal sealed partial class QueueHost
{
    /// <summary>A filtering or browsing consumer starts to look; false when it is detached, or it is another's turn.</summary>
    public bool BeginScan(QueueConsumer consumer)
    {
        lock (_gate)
        {
            consumer.Wait = ConsumerWait.Signalled;
            consumer.IsLooking = false;
            return consumer.IsAttached && _core.Admits(consumer) && (consumer.IsBrowser || !_core.Consumers.MustYield(consumer, _core.Version));
        }
    }

    /// <summary>Collects candidates; true when everything was looked at.</summary>
    public bool CollectCandidates(QueueConsumer consumer, Span<AcquiredMessage> into, out int count, out long version)
    {
        var now = context.Now;
        var effects = QueueEffects.Rent();
        bool all;
        lock (_gate)
        {
            version = _core.Version;
            all = QueueScan.CollectCandidates(_core, consumer, into, now, effects, out count);
        }

        Apply(effects, ticket: null);
        return all;
    }

    public int AcquireThese(QueueConsumer consumer, ReadOnlySpan<AcquiredMessage> candidates, Span<AcquiredMessage> into)
    {
        var effects = QueueEffects.Rent();
        int taken;
        lock (_gate)
        {
            taken = _core.AcquireThese(consumer, candidates, into, effects);
        }

        Apply(effects, ticket: null);
        return taken;
    }

    /// <summary>It stops looking: it has all it wanted, or more could be looked at later, or it has seen all of a version.</summary>
    public void EndScan(QueueConsumer consumer, bool satisfied, bool more, long version)
    {
        var effects = QueueEffects.Rent();
        lock (_gate)
        {
            more |= consumer.Cursor.HasReturned;
            consumer.Wait = satisfied || !_core.Admits(consumer) ? ConsumerWait.Idle : ConsumerWait.Armed;
            consumer.SeenVersion = more ? -1 : version;
            consumer.IsLooking = more && !satisfied && _core.Index.Available > 0;
            _core.Wake(effects);
        }

        Apply(effects, ticket: null);
    }
}
