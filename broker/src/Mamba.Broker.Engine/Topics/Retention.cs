namespace Mamba.Broker.Engine;

/// <summary>
/// Topics that keep their last messages for subscriptions to come. A message goes to such a topic's own queue beside those of its
/// subscriptions, in the same record. That a new subscription misses none and gets none twice comes from an order: publishing,
/// from choosing the queues to handing the record to the journal, excludes joining; a join then knows that whatever does not go
/// to the new subscription by itself is kept already, or under way and kept when its own turn in the journal comes.
/// Without such topics publishing pays for one look at an empty list. Thread-safe.
/// </summary>
internal sealed class Retention(EngineContext context) : IDisposable
{
    private readonly ReaderWriterLockSlim _gate = new();
    private readonly Lock _listGate = new();
    private TopicNode[] _topics = [];

    public void Add(TopicNode topic)
    {
        lock (_listGate)
        {
            Volatile.Write(ref _topics, [.. _topics, topic]);
        }
    }

    public void Remove(TopicNode topic)
    {
        lock (_listGate)
        {
            Volatile.Write(ref _topics, Array.FindAll(_topics, other => !ReferenceEquals(other, topic)));
        }
    }

    /// <summary>A publish begins; true when <see cref="ExitPublish"/> has to be called at its end, on the same thread.</summary>
    public bool EnterPublish()
    {
        if (Volatile.Read(ref _topics).Length == 0)
        {
            return false;
        }

        _gate.EnterReadLock();
        return true;
    }

    public void ExitPublish() => _gate.ExitReadLock();

    /// <summary>Whether a subscription on this topic or pattern would get kept messages.</summary>
    public bool Concerns(TopicNode topic) => TopicsFor(topic).Length > 0;

    /// <summary>Links a new subscription and gives it what is kept; null when nothing is kept for it.</summary>
    public Replay? Link(SubscriptionNode subscription)
    {
        var topic = subscription.Topic;
        if (!Concerns(topic))
        {
            topic.Link(subscription);
            return null;
        }

        var replay = new Replay(context, subscription);
        try
        {
            replay.Prepare(TopicsFor(topic));
            _gate.EnterWriteLock();
            try
            {
                topic.Link(subscription);
                replay.Start(TopicsFor(topic));
            }
            finally
            {
                _gate.ExitWriteLock();
            }
        }
        catch
        {
            replay.Dispose();
            throw;
        }

        return replay;
    }

    public void Dispose() => _gate.Dispose();

    private TopicNode[] TopicsFor(TopicNode topic)
    {
        if (!topic.IsPattern)
        {
            return topic.Kept is null ? [] : [topic];
        }

        var all = Volatile.Read(ref _topics);
        var pattern = new AddressPattern(topic.Address);
        return all.Length == 0 ? [] : Array.FindAll(all, one => pattern.Matches(one.Address));
    }
}
