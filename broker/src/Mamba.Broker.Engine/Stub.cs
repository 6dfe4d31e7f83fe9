namespace Mamba.Broker.Engine;

public sealed partial class MessageEngine
{
    private static MessageEngine OpenCore(EngineOptions options, IMessageAnnotator annotator, TimeProvider time, IEngineEvents events) => throw new NotSupportedException();
    public partial IMessageNode? Find(string address) => throw new NotSupportedException();
    public partial Task<IMessageNode> GetOrCreateAsync(string address, NodeKind kind, NodeOptions? options) => throw new NotSupportedException();
    public partial Task<IMessageNode> CreateTemporaryAsync(NodeKind kind, LifetimePolicy policy, object owner) => throw new NotSupportedException();
    public partial void CloseOwner(object owner) => throw new NotSupportedException();
    public partial Task<bool> DeleteAsync(string address) => throw new NotSupportedException();
    public partial Task<long> PurgeAsync(string address) => throw new NotSupportedException();
    public partial IReadOnlyList<NodeStatus> Describe() => throw new NotSupportedException();
    public partial Task<ISubscriptionNode> CreateOrFindSubscriptionAsync(SubscriptionKey key, string topic, SubscriptionOptions options) => throw new NotSupportedException();
    public partial ISubscriptionNode? FindSubscription(SubscriptionKey key) => throw new NotSupportedException();
    public partial Task<bool> DeleteSubscriptionAsync(SubscriptionKey key) => throw new NotSupportedException();
    public partial void Publish(PublishBatch batch) => throw new NotSupportedException();
    public partial UnitOfWork BeginTransaction() => throw new NotSupportedException();
    public partial ValueTask DisposeAsync() => throw new NotSupportedException();
}

public sealed partial class UnitOfWork
{
    private int _operations = 0;
    private long _bytes = 0;
    private string? _rollbackReason;
    private PublishOutcome AddPublishCore(IMessageNode node, StoredMessage message) => throw new NotSupportedException();
    private bool AddSettleCore(ISubscription subscription, in Settlement settlement, bool settledByPeer) => throw new NotSupportedException();
    private void CommitCore(ICommitObserver observer) => throw new NotSupportedException();
    private void RollbackCore() => throw new NotSupportedException();
}

public sealed partial class PublishBatch
{
    private int _count = 0;
    private long _bytes = 0;
    private void AddCore(IMessageNode node, StoredMessage message, IPublishObserver? observer, long token) => throw new NotSupportedException();
}

internal static class PublishBatchPool
{
    public static PublishBatch Take() => throw new NotSupportedException();
}
