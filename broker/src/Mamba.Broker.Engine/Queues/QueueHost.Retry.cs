namespace Mamba.Broker.Engine;

/// <content>The end of what began with a message that was given back and had to be read.</content>
internal sealed partial class QueueHost
{
    /// <summary>What the settings say about failed deliveries.</summary>
    public DeliveryPolicy Policy => _core.Policy;

    /// <summary>
    /// Applies a verdict, which is in the journal where it has to be. Where it is the end of the message's chances, the ticket hears of
    /// it when the move to the dead-letter address is done.
    /// </summary>
    /// <returns>False when the message is no longer here.</returns>
    public bool CompleteMerge(in MessageMerge merge, StoredMessage? merged, MessageLocation location, in RetryVerdict verdict, SettleTicket? ticket)
    {
        var keepBody = !location.IsStored || !MustPage;
        var effects = QueueEffects.Rent();
        bool applied;
        lock (_gate)
        {
            applied = _core.CompleteMerge(merge, merged, location, keepBody, verdict, effects);
            UpdateDeadline();
        }

        Apply(effects, verdict.IsExhausted ? ticket : null);
        return applied;
    }
}
