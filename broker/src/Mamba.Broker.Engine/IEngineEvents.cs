namespace Mamba.Broker.Engine;

/// <summary>
/// What the engine reports to logs and alarms. Called on any thread, with no engine lock held; must be quick and not throw.
/// Every member has an empty default.
/// </summary>
public interface IEngineEvents
{
    /// <summary>A sink that ignores everything.</summary>
    static IEngineEvents None { get; } = new Silent();

    /// <summary>A node was created.</summary>
    void NodeCreated(string address, NodeKind kind)
    {
    }

    /// <summary>A node was deleted; <paramref name="discarded"/> messages went with it.</summary>
    void NodeDeleted(string address, long discarded)
    {
    }

    /// <summary>A message moved to a dead-letter or expiry address; <paramref name="target"/> is null when it was dropped.</summary>
    void MessageMoved(string from, string? target, DeadLetterReason reason, uint deliveryCount)
    {
    }

    /// <summary>Recovery ended.</summary>
    void Recovered(long messages, int nodes, TimeSpan took)
    {
    }

    /// <summary>The journal failed; the engine refuses durable work from now on.</summary>
    void JournalFailed(Exception cause)
    {
    }

    /// <summary>A stored message could not be read back; it stays on its queue but is not delivered.</summary>
    void MessageDamaged(string queue, ulong messageId, Exception cause)
    {
    }

    /// <summary>A durable subscription came back whose filter is not understood: its messages are kept, and nobody can attach to it.</summary>
    void SubscriptionHeld(string topic, string? clientId, string name, string reason)
    {
    }

    /// <summary>A journal segment was deleted; <paramref name="relocated"/> live messages were rewritten first.</summary>
    void SegmentDeleted(long segment, int relocated)
    {
    }

    /// <summary>Something in the background failed and will be tried again, or was given up as the text says.</summary>
    void BackgroundFailure(string what, Exception cause)
    {
    }

    private sealed class Silent : IEngineEvents;
}
