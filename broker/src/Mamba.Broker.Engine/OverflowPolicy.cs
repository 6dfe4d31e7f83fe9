namespace Mamba.Broker.Engine;

/// <summary>What happens to messages beyond a queue's limits.</summary>
public enum OverflowPolicy : byte
{
    /// <summary>The publisher gets <see cref="PublishOutcome.RejectedFull"/>.</summary>
    Reject = 0,

    /// <summary>The oldest message that nobody holds makes room. Messages that are held, or not due yet, do not count. A ring queue.</summary>
    DropHead = 1,

    /// <summary>No message is refused: bodies beyond the limits stay on disk.</summary>
    Page = 2,

    /// <summary>
    /// No message is refused: whoever sends asks <see cref="IMessageNode.CreditFor"/> how many more it may send, and waits when that is none.
    /// What a transaction sends counts once it is committed.
    /// </summary>
    Block = 3,
}
