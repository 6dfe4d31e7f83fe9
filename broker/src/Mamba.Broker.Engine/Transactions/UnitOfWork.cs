namespace Mamba.Broker.Engine;

/// <summary>How a transaction ended.</summary>
public enum CommitOutcome : byte
{
    /// <summary>All effects are in force, and on disk when any of them is durable.</summary>
    Committed,

    /// <summary>None of the effects took place (amqp:transaction:rollback).</summary>
    RolledBack,
}

/// <summary>Told how a commit ended; any thread, no engine lock held, possibly before Commit returns.</summary>
public interface ICommitObserver
{
    /// <summary>Called exactly once per commit. <paramref name="reason"/> says why a transaction was rolled back.</summary>
    void OnCommitted(UnitOfWork unitOfWork, CommitOutcome outcome, string? reason);
}

/// <summary>
/// One transaction over any number of queues and topics (AMQP 1.0 §4): publishes and settlements that take effect together, by
/// one journal record, or not at all. Used by one caller at a time; the outcome may arrive on any thread.
/// </summary>
public sealed partial class UnitOfWork
{
    /// <summary>Operations enlisted.</summary>
    public int Operations => _operations;

    /// <summary>Body bytes of enlisted messages.</summary>
    public long Bytes => _bytes;

    /// <summary>True when <see cref="Commit"/> can only roll back; see <see cref="MarkRollbackOnly"/>.</summary>
    public bool IsRollbackOnly => _rollbackReason is not null;

    /// <summary>
    /// Whether the commit left messages out that were not known to be duplicates when they were enlisted: somebody else stored others with
    /// their ids meanwhile, or they are there twice. To be asked once it is done.
    /// </summary>
    public bool LeftDuplicatesOut { get; internal set; }

    /// <summary>True once <see cref="Commit"/> or <see cref="Rollback"/> was called: nothing can be enlisted any more.</summary>
    public bool HasEnded => Volatile.Read(ref _record) is null;

    /// <summary>
    /// Enlists a publish and takes over one reference on <paramref name="message"/>. Checks node, limits and room at once, and
    /// reserves the room. An outcome other than Accepted means that the message is not part of the transaction; when the
    /// publisher cannot be told (a settled transfer), call <see cref="MarkRollbackOnly"/>.
    /// </summary>
    public PublishOutcome AddPublish(IMessageNode node, StoredMessage message)
    {
        ArgumentNullException.ThrowIfNull(node);
        ArgumentNullException.ThrowIfNull(message);
        return AddPublishCore(node, message);
    }

    /// <summary>
    /// As <see cref="AddPublish(IMessageNode, StoredMessage)"/>, for a message that is stored only once. When one with its id is stored,
    /// the answer is <see cref="PublishOutcome.Duplicate"/> and nothing is enlisted. Otherwise the id counts when the transaction commits:
    /// of several that publish one id, the first to commit stores its message and the others leave theirs out.
    /// </summary>
    public PublishOutcome AddPublish(IMessageNode node, StoredMessage message, DuplicateId id)
    {
        ArgumentNullException.ThrowIfNull(node);
        ArgumentNullException.ThrowIfNull(message);
        return AddOnce(node, message, id, bounded: true);
    }

    /// <summary>The same, and unless <paramref name="bounded"/> whatever the limits of transactions.</summary>
    internal PublishOutcome AddOnce(IMessageNode node, StoredMessage message, DuplicateId id, bool bounded = false)
    {
        if (id.IsNone || node.Duplicates is not { } window)
        {
            return bounded ? AddPublishCore(node, message) : AddCopy(node, message);
        }

        if (window.IsKnown(id))
        {
            message.Release();
            return PublishOutcome.Duplicate;
        }

        var first = Open().Work.Publishes.Length;
        var outcome = bounded ? AddPublishCore(node, message) : AddCopy(node, message);
        if (outcome == PublishOutcome.Accepted)
        {
            Open().Work.Add(window, id, first);
        }

        return outcome;
    }

    /// <summary>
    /// Enlists an outcome for a message acquired by <paramref name="subscription"/>; it takes effect at commit, also when the
    /// subscription closes before.
    /// </summary>
    /// <param name="subscription">The subscription that holds the message.</param>
    /// <param name="settlement">Any of the four outcomes.</param>
    /// <param name="settledByPeer">True when the consumer settled: a rollback then gives the message back with delivery-count
    /// plus one. False: after a rollback the subscription still holds it and may settle again.</param>
    /// <returns>False when the token is not held by the subscription or the transaction is at its limit.</returns>
    public bool AddSettle(ISubscription subscription, in Settlement settlement, bool settledByPeer = true)
    {
        ArgumentNullException.ThrowIfNull(subscription);
        return AddSettleCore(subscription, settlement, settledByPeer);
    }

    /// <summary>From now on the transaction can only roll back; the first reason is kept.</summary>
    public void MarkRollbackOnly(string reason) => _rollbackReason ??= reason;

    /// <summary>
    /// Ends the transaction: commits, or rolls back when it is rollback-only, a node was deleted, or the journal fails before the
    /// commit record is on disk. The observer hears which. Any number of commits may be under way at once.
    /// </summary>
    /// <exception cref="InvalidOperationException">It was committed before, or rolled back without having been marked.</exception>
    public void Commit(ICommitObserver observer)
    {
        ArgumentNullException.ThrowIfNull(observer);
        CommitCore(observer);
    }

    /// <summary>Ends the transaction without effect. Idempotent; without effect after <see cref="Commit"/>.</summary>
    public void Rollback() => RollbackCore();
}
