namespace Mamba.Broker.Engine;

/// <content>Other settings for a queue that is in use.</content>
internal sealed partial class QueueCore
{
    /// <summary>These settings hold from now on, for what is there too. True when messages have other keys now, which are to be looked for.</summary>
    public bool Configure(NodeOptions next, QueueEffects effects)
    {
        var before = _options;
        _options = next;
        _policy = new DeliveryPolicy(next, _jitter);
        _index.DroppedBefore += _index.Ring?.Dropped ?? 0;
        _index.Ring = RingLimit.For(this, next);
        _index.Ring?.CountAll(_index);
        if (before.SingleActiveConsumer != next.SingleActiveConsumer)
        {
            ReplaceGate(next.SingleActiveConsumer);
        }

        var hasOtherKeys = !string.Equals(before.LastValueKey, next.LastValueKey, StringComparison.Ordinal);
        if (hasOtherKeys)
        {
            _index.DroppedBefore += _index.LastValues?.Replaced ?? 0;
            _index.LastValues = LastValueTable.For(next);
        }

        Wake(effects);
        return hasOtherKeys && _index.LastValues is not null;
    }

    private void ReplaceGate(bool single)
    {
        var gate = new ConsumerGate(this, single);
        gate.Pause(IsPaused);
        _gate = gate;
        gate.OnConsumersChanged();
        _gate = gate.IsNeeded ? gate : null;
    }
}
