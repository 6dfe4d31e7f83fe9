namespace Mamba.Broker.Engine;

/// <summary>Told what the owner of a queue has to react to; called with no lock held.</summary>
internal interface IQueueOwner
{
    /// <summary>The last message went.</summary>
    void OnQueueEmpty();

    /// <summary>A consumer detached; <paramref name="left"/> are still there.</summary>
    void OnConsumerDetached(int left);
}

/// <summary>What a queue is called.</summary>
/// <param name="Address">The address messages were published to: the queue's or the topic's.</param>
/// <param name="Queue">The queue's name in reports: the address, or the subscription's name.</param>
/// <param name="Subscription">The subscription's name, or null.</param>
internal sealed record QueueNaming(string Address, string Queue, string? Subscription);
