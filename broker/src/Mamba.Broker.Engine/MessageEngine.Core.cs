using Mamba.Broker.Journal;

namespace Mamba.Broker.Engine;

/// <content>Start, recovery, background work and stop.</content>
public sealed partial class MessageEngine
{
    private static readonly TimeSpan TrimInterval = TimeSpan.FromSeconds(10);

    private readonly EngineContext _context;
    private Compactor _compactor = null!;
    private ITimer? _trimmer;
    private int _disposed;

    private MessageEngine(EngineContext context) => _context = context;

    /// <summary>True once the journal failed: durable work is refused.</summary>
    public bool HasFailed => _context.Journal.Inner.HasFailed;

    /// <summary>Bytes of message bodies in memory.</summary>
    public long BodyMemoryBytes => _context.Budget.Used;

    /// <summary>Bytes of memory that messages take: bodies, and the index of all queues in the process.</summary>
    public long MessageMemoryBytes => _context.Budget.Used + ((long)EntryChunkPool.InUse * EntryChunk.Footprint);

    /// <summary>Size of the journal's files in bytes.</summary>
    public long DiskBytes => _context.Journal.Inner.DiskBytes;

    /// <summary>Number of journal segments.</summary>
    public int SegmentCount => _context.Journal.Inner.Segments.Count;

    /// <summary>
    /// Gives up all memory that is kept for reuse: the process has nothing to do. The garbage collector gives it to the system.
    /// </summary>
    public void ReleaseIdleMemory()
    {
        Trim();
        EntryChunkPool.Clear();
        MessagePool.Clear();
        _context.Journal.Inner.ReleaseIdleMemory();
    }

    /// <summary>Deletes dead segments and compacts now instead of in the background; completes when done.</summary>
    public Task CompactAsync() => _compactor.RunOnceAsync();

    public partial void Publish(PublishBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        if (_context.Diverts.IsEmpty)
        {
            batch.Publish(_context);
        }
        else
        {
            batch.PublishDiverting(_context);
        }
    }

    public partial UnitOfWork BeginTransaction() => new(_context);

    public partial async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 1)
        {
            return;
        }

        if (_trimmer is not null)
        {
            await _trimmer.DisposeAsync();
        }

        _context.Deadlines.Dispose();
        await _compactor.DisposeAsync();
        await Task.Run(_context.Journal.Dispose);
        _definitionGate.Dispose();
        _context.Retention.Dispose();
    }

    internal Compactor Compactor => _compactor;

    private static MessageEngine OpenCore(EngineOptions options, IMessageAnnotator annotator, TimeProvider time, IEngineEvents events)
    {
        var started = time.GetTimestamp();
        var context = new EngineContext(options, annotator, time, events);
        var recovery = new Recovery(options);
        var journal = OpenJournal(options, time, events, recovery);
        var engine = new MessageEngine(context);
        context.Start(new EngineJournal(journal, events), recovery.LastMessageId, recovery.LastQueueId);
        context.Router = new DeadLetterRouter(context, engine.ResolveDeadLetterQueueAsync);
        context.Merger = new AnnotationMerger(context);
        var messages = engine.Restore(recovery);
        engine.RestoreDiverts(recovery);
        engine.RestoreExchanges(recovery.Exchanges);
        engine.StartSchedules();
        engine._compactor = new Compactor(context, engine.SnapshotAsync);
        engine._compactor.Start();
        engine._trimmer = time.CreateTimer(static state => ((MessageEngine)state!).Trim(), engine, TrimInterval, TrimInterval);
        events.Recovered(messages, engine._nodes.Count, time.GetElapsedTime(started));
        return engine;
    }

    private static Journal.Journal OpenJournal(EngineOptions options, TimeProvider time, IEngineEvents events, Recovery recovery)
    {
        try
        {
            return Journal.Journal.Open(
                new JournalOptions
                {
                    Directory = options.Directory,
                    SegmentSize = checked((int)options.SegmentBytes),
                    Sync = options.Sync,
                    AcceptDamage = options.AcceptDamage,
                    Time = time,
                    Files = options.Files,
                    OnTrouble = cause => events.BackgroundFailure("Journal housekeeping", cause),
                    OnDamage = damage => events.BackgroundFailure(
                        $"Damage of {damage.Length} bytes in '{damage.File}' at {damage.Offset} was skipped", new EngineException(EngineError.Damaged, damage.ToString())),
                },
                recovery);
        }
        catch (JournalDamagedException cause)
        {
            throw new EngineException(EngineError.Damaged, cause.Message, cause);
        }
    }

    /// <summary>Makes the nodes recovery found, and puts their messages back; the number of messages.</summary>
    private long Restore(Recovery recovery)
    {
        var now = _context.Now;
        var messages = 0L;
        foreach (var (id, definition) in recovery.Nodes)
        {
            _nodeDefinitions[id] = definition;
            var node = MakeNode(definition, lifetime: null);
            _nodes[definition.Address] = node;
            if (node is QueueNode queue)
            {
                messages += RestoreQueue(recovery, queue.Host, now);
            }
            else
            {
                RestoreKept(recovery, (TopicNode)node, now);
            }

            if (recovery.Mentions(id | NodeSchedules.IdBit))
            {
                messages += RestoreQueue(recovery, node.Schedules.Host, now);
            }
        }

        foreach (var (id, definition) in recovery.Subscriptions)
        {
            var topic = AddressPattern.HasWildcards(definition.Topic) ? PatternOf(definition.Topic) : _nodes.GetValueOrDefault(definition.Topic) as TopicNode;
            if (topic is not null)
            {
                _subscriptionDefinitions[id] = definition;
                var options = OptionsOf(definition);
                var key = new SubscriptionKey(definition.ClientId, definition.Name, Durable: true);
                var subscription = LinkSubscription(key, topic, options, id, definition.Options);
                subscription.Host.SetPaused(definition.IsPaused);
                messages += RestoreQueue(recovery, subscription.Host, now);
            }
        }

        RestoreTermini(recovery, now);
        _context.Duplicates.Restore(recovery.Ids);
        recovery.Discard();
        return messages;
    }

    private SubscriptionOptions OptionsOf(SubscriptionDefinition definition)
    {
        var options = new SubscriptionOptions
        {
            Shared = definition.Shared,
            NoLocalOrigin = definition.NoLocalOrigin,
            FilterDefinition = definition.Filter,
        };
        if (definition.Filter.IsEmpty)
        {
            return options;
        }

        try
        {
            return options with { Filter = _context.Annotator.RestoreFilter(definition.Filter) };
        }
        catch (EngineException cause)
        {
            // Not given what it did not ask for, and not robbed of what it did: kept until somebody decides.
            _context.Events.SubscriptionHeld(definition.Topic, definition.ClientId, definition.Name, cause.Message);
            return options with { HeldBecause = cause.Message };
        }
    }

    /// <summary>What a topic has kept; when it keeps no more, that is dropped for good, so that it does not come back with a gap behind it.</summary>
    private void RestoreKept(Recovery recovery, TopicNode topic, long now)
    {
        if (topic.Kept is { } kept)
        {
            RestoreQueue(recovery, kept, now);
            kept.DropOldest();
        }
        else if (recovery.Mentions(topic.Id))
        {
            var dropped = TopicNode.MakeKept(_context, topic.Id, topic.Address, topic.Options);
            recovery.Restore(dropped, _context.Ledger, now);
            dropped.Purge();
        }
    }

    private long RestoreQueue(Recovery recovery, QueueHost host, long now)
    {
        var restored = recovery.Restore(host, _context.Ledger, now);
        host.FinishRestore();
        _context.Deadlines.Note(host.NextDeadline);
        return restored;
    }

    /// <summary>Writes all definitions into the active segment, so that older ones are not needed for them; returns the segment.</summary>
    private async Task<int> SnapshotAsync()
    {
        await _definitionGate.WaitAsync();
        try
        {
            var batch = _context.Journal.RentBatch();
            batch.BeginRecord();
            DefinitionOperation.WriteSnapshot(batch, _context.LastMessageId, _context.LastQueueId);
            foreach (var (_, definition) in _nodeDefinitions)
            {
                DefinitionOperation.Write(batch, definition);
            }

            foreach (var (_, definition) in _subscriptionDefinitions)
            {
                DefinitionOperation.Write(batch, definition);
            }

            foreach (var (_, terminus) in _termini)
            {
                terminus.Definition.Write(batch);
            }

            foreach (var divert in _context.Diverts.Table.All)
            {
                if (!divert.IsConfigured)
                {
                    DivertOperation.Write(batch, divert.Options, gone: false);
                }
            }

            WriteExchanges(batch);
            batch.EndRecord();
            var completion = new AppendTask(batch);
            _context.Journal.Append(batch, sync: true, completion);
            return (await completion.Task).Segment;
        }
        finally
        {
            _definitionGate.Release();
        }
    }

    private void Trim()
    {
        RemovalCompletion.RetryDeferred(_context);
        foreach (var (_, host) in _context.Hosts)
        {
            host.Trim();
        }

        _context.Duplicates.Trim();
        EntryChunkPool.Trim();
        MessagePool.Trim();
    }
}
