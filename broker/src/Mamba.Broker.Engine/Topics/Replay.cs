using Mamba.Broker.Journal;

namespace Mamba.Broker.Engine;

/// <summary>
/// Gives one new subscription what its topics have kept. With messages under way to them it takes its turn in the journal: when
/// that comes, they are kept, and what was published after the subscription was linked still waits behind it. Used once.
/// </summary>
internal sealed class Replay(EngineContext context, SubscriptionNode subscription) : EngineCompletion, IDisposable
{
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Dictionary<ulong, StoredMessage> _loaded = [];
    private readonly List<(ulong MessageId, StoredMessage Message)> _stored = [];
    private readonly HashSet<string> _keys = new(StringComparer.Ordinal);
    private TopicNode[] _topics = [];
    private JournalBatch? _turn;

    /// <summary>Ends when the kept messages are on the subscription.</summary>
    public Task Done => _done.Task;

    /// <summary>Reads from disk what is not in memory, with no lock held.</summary>
    public void Prepare(TopicNode[] topics)
    {
        var kept = new List<KeptMessage>();
        foreach (var topic in topics)
        {
            topic.Kept!.ListKept(hold: false, kept);
        }

        foreach (var one in kept)
        {
            if (BodyOf(one) is { } message && !_loaded.TryAdd(one.MessageId, message))
            {
                message.Release();
            }
        }
    }

    /// <summary>Begins; nobody publishes meanwhile.</summary>
    public void Start(TopicNode[] topics)
    {
        _topics = topics;
        if (!Array.Exists(topics, static topic => topic.Kept!.HasInFlight))
        {
            Seed();
            _done.TrySetResult();
            return;
        }

        foreach (var topic in topics)
        {
            topic.Kept!.BeginFlight();
        }

        subscription.Host.BeginFlight();
        _turn = context.Journal.RentBatch();
        _turn.BeginRecord();
        ListOperation.AppendTurn(_turn);
        _turn.EndRecord();
        context.Journal.Append(_turn, sync: false, this);
    }

    /// <summary>Writes the definition of a durable subscription and the durable ones of its kept messages, in one record.</summary>
    public async Task StoreAsync(SubscriptionDefinition definition)
    {
        var batch = context.Journal.RentBatch();
        batch.BeginRecord();
        var start = batch.Size;
        DefinitionOperation.Write(batch, definition);
        var offsets = new List<int>(_stored.Count);
        foreach (var (messageId, message) in _stored)
        {
            offsets.Add(batch.Size - start);
            EnqueueOperation.Write(batch, message, messageId, 0, transient: false, [subscription.Host.Id]);
        }

        batch.EndRecord();
        var completion = new StoreCompletion(this, batch, offsets);
        context.Journal.Append(batch, sync: true, completion);
        await completion.Task;
    }

    /// <summary>Gives back what it holds.</summary>
    public void Dispose()
    {
        foreach (var (_, message) in _loaded)
        {
            message.Release();
        }

        foreach (var (_, message) in _stored)
        {
            message.Release();
        }

        _loaded.Clear();
        _stored.Clear();
    }

    protected override void Written()
    {
        Seed();
        EndFlight();
        _done.TrySetResult();
    }

    protected override void Failed(JournalException cause)
    {
        EndFlight();
        Dispose();
        _done.TrySetException(new EngineException(EngineError.JournalFailed, $"The journal did not take the subscription: {cause.Message}", cause));
    }

    private void EndFlight()
    {
        foreach (var topic in _topics)
        {
            topic.Kept!.EndFlight();
        }

        subscription.Host.EndFlight();
        _turn!.Dispose();
    }

    private void Seed()
    {
        var kept = new List<KeptMessage>();
        foreach (var topic in _topics)
        {
            topic.Kept!.ListKept(hold: true, kept);
        }

        kept.Sort(static (left, right) => left.MessageId.CompareTo(right.MessageId));
        var entries = new List<NewEntry>();
        var bytes = 0L;
        for (var i = kept.Count - 1; i >= 0; i--)
        {
            AddWanted(kept[i], entries, ref bytes);
        }

        entries.Reverse();
        foreach (var entry in entries)
        {
            entry.Message.ChargeTo(context.Budget);
            subscription.Host.Reserve(1, entry.Message.Length);
            if (subscription.Host.Durable && entry.Message.Durable)
            {
                entry.Message.AddReference();
                _stored.Add((entry.MessageId, entry.Message));
            }
        }

        subscription.Host.Enqueue(entries.ToArray());
        foreach (var (_, message) in _loaded)
        {
            message.Release();
        }

        _loaded.Clear();
    }

    /// <summary>Newest first: the subscription's own limits hold for what it is given, too.</summary>
    private void AddWanted(in KeptMessage kept, List<NewEntry> entries, ref long bytes)
    {
        if (_loaded.Remove(kept.MessageId, out var message))
        {
            kept.Message?.Release();
        }
        else
        {
            message = BodyOf(kept);
        }

        var limits = subscription.Host.Options;
        var fits = message is not null
            && (limits.MaxMessages == 0 || entries.Count < limits.MaxMessages)
            && (limits.MaxBytes == 0 || bytes + message.Length <= limits.MaxBytes);
        if (!fits || !subscription.Wants(message!) || !subscription.Host.IsFirstOfKey(message!, _keys))
        {
            message?.Release();
            context.Ledger.Drop(kept.Location);
            return;
        }

        bytes += message!.Length;
        entries.Add(new NewEntry { Message = message, MessageId = kept.MessageId, Location = kept.Location });
    }

    private StoredMessage? BodyOf(in KeptMessage kept)
    {
        try
        {
            return kept.Message ?? kept.Host.LoadBody(kept.Token, kept.MessageId, kept.Location);
        }
        catch (EngineException cause)
        {
            context.Events.MessageDamaged(kept.Host.Name, kept.MessageId, cause);
            return null;
        }
    }

    /// <summary>Points the subscription's messages to the places they now have in the journal.</summary>
    private sealed class StoreCompletion(Replay replay, JournalBatch batch, List<int> offsets) : EngineCompletion
    {
        private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Task => _done.Task;

        protected override void Written()
        {
            var ledger = replay.Ledger;
            var address = batch.AddressOf(0);
            var places = new Dictionary<ulong, MessageLocation>();
            for (var i = 0; i < offsets.Count; i++)
            {
                var (messageId, message) = replay._stored[i];
                var place = new MessageLocation(address, offsets[i], message.Length);
                ledger.AddLive(place);
                places[messageId] = place;
            }

            var outdated = new List<MessageLocation>();
            replay.Host.MarkStored(places, outdated);
            outdated.ForEach(ledger.Drop);
            replay.Host.RemoveStored(places);
            batch.Dispose();
            _done.TrySetResult();
        }

        protected override void Failed(JournalException cause)
        {
            batch.Dispose();
            _done.TrySetException(new EngineException(EngineError.JournalFailed, $"The journal did not take the subscription: {cause.Message}", cause));
        }
    }

    private SegmentLedger Ledger => context.Ledger;

    private QueueHost Host => subscription.Host;
}
