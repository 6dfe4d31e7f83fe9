namespace Mamba.Tools.Model.Modelling;

/// <summary>
/// What a broker is to an application, in lists: which message is where, who holds it, how often it failed. It does not know when
/// or to whom the broker hands a message if several may have it: that is observed, and checked by <see cref="Round"/>.
/// </summary>
internal sealed class BrokerModel(Rules rules, long now)
{
    private const string Expired = "expired";
    private const string MaxDeliveries = "max-deliveries";

    private long _sequence;

    public Rules Rules => rules;

    /// <summary>Unix milliseconds.</summary>
    public long Now { get; private set; } = now;

    public Dictionary<string, ModelQueue> Queues { get; } = [];

    public List<ModelConsumer> Consumers { get; } = [];

    public List<DeadLetter> DeadLetters { get; } = [];

    /// <summary>The queue of that name, made when there is none.</summary>
    public ModelQueue Queue(string address, QueueKind kind = QueueKind.Ordinary)
    {
        if (!Queues.TryGetValue(address, out var queue))
        {
            Queues[address] = queue = new ModelQueue(address, address, durable: true) { Kind = kind };
        }

        return queue;
    }

    /// <summary>Subscriptions of a topic.</summary>
    public IEnumerable<ModelQueue> Subscriptions(string topic) => Queues.Values.Where(q => q.Address == topic && q.Name != topic);

    /// <summary>Where a message goes that is sent now.</summary>
    public IReadOnlyList<ModelQueue> Route(ModelMessage message, string address, bool topic) =>
        topic ? [.. Subscriptions(address).Where(q => q.Wants(message))] : [Queue(address)];

    public void Send(ModelMessage message, IReadOnlyList<ModelQueue> queues)
    {
        foreach (var queue in queues.Where(Queues.ContainsValue))
        {
            var entry = new ModelEntry(message, queue, ++_sequence);
            if (queue.Kind == QueueKind.LastValue && rules.LastValuesReplace && LastValues.Replace(entry, Now) is { } older)
            {
                Remove(older);
            }

            queue.Entries.Add(entry);
            Settle(entry);
        }
    }

    public ModelConsumer Attach(string name, ModelQueue queue, Selector? selector)
    {
        var consumer = new ModelConsumer(name, queue, selector);
        queue.Groups.Share(consumer);
        queue.Consumers.Add(consumer);
        Consumers.Add(consumer);
        return consumer;
    }

    /// <summary>The link ends; what it holds goes back to its place.</summary>
    public void Detach(ModelConsumer consumer, bool lost)
    {
        consumer.Queue.Consumers.Remove(consumer);
        Consumers.Remove(consumer);
        consumer.Queue.Groups.Leave(consumer);
        foreach (var entry in consumer.Queue.Entries.Where(e => e.Place == Place.Held && e.Holder == consumer).ToArray())
        {
            Apply(entry, lost && rules.LossCounts ? ModelOutcome.Failed : ModelOutcome.Released);
        }

        if (consumer.Queue is { Durable: false, IsTemporary: false, Consumers.Count: 0 })
        {
            Delete(consumer.Queue);
        }
    }

    /// <summary>A subscription ends with all it has.</summary>
    public void Delete(ModelQueue queue)
    {
        if (rules.UnsubscribeDeletes || !queue.Durable)
        {
            Drop(queue);
        }
    }

    /// <summary>A queue is no more, with all that is in it.</summary>
    public void Drop(ModelQueue queue)
    {
        Queues.Remove(queue.Name);
        DeadLetters.FindAll(letter => letter.LateOn == queue).ForEach(static letter => letter.IsOptional = true);
        DeadLetters.AddRange(queue.Entries.Where(static e => e.Place == Place.Enlisted).SelectMany(MaybeLetters).ToArray());
        queue.Entries.ToList().ForEach(Remove);
    }

    /// <summary>What a transaction has of a queue that goes may be given back, and have had its time or its chances, before the queue is gone.</summary>
    private IEnumerable<DeadLetter> MaybeLetters(ModelEntry entry)
    {
        var failures = entry.Failures + (rules.RollbackCounts ? 1 : 0);
        return new[] { (Reason: Expired, Holds: entry.IsExpired(Now)), (Reason: MaxDeliveries, Holds: failures >= rules.MaxDeliveries) }
            .Where(static end => end.Holds)
            .Select(end => new DeadLetter(entry.Message, entry.Queue.Address, end.Reason, failures) { Since = Now, IsOptional = true });
    }

    /// <summary>A queue goes by itself while time moves: its last dead letters may be on their way then.</summary>
    public void ForgiveLate(string address) =>
        DeadLetters.FindAll(letter => letter.Address == address && letter.Since == Now).ForEach(static letter => letter.IsOptional = true);

    /// <summary>Applies an outcome to a message that is held or enlisted.</summary>
    public void Apply(ModelEntry entry, ModelOutcome outcome)
    {
        if (entry.Place == Place.Gone)
        {
            return;
        }

        var holder = entry.Holder;
        entry.Holder = null;
        switch (outcome)
        {
            case ModelOutcome.Accepted:
                Remove(entry);
                return;
            case ModelOutcome.Rejected when !entry.Queue.IsDeadLetter:
                DeadLetter(entry, "rejected");
                return;
            case ModelOutcome.Rejected or ModelOutcome.Failed or ModelOutcome.Undeliverable:
                entry.Failures++;
                break;
            default:
                break;
        }

        if (outcome == ModelOutcome.NotHere && holder is not null)
        {
            entry.Excluded.Add(holder);
        }

        if (outcome == ModelOutcome.Undeliverable && !entry.Queue.IsDeadLetter)
        {
            DeadLetter(entry, entry.IsExpired(Now) && rules.ExpiryCounts ? Expired : "undeliverable");
        }
        else if (entry.Failures >= rules.MaxDeliveries && !entry.Queue.IsDeadLetter)
        {
            DeadLetter(entry, MaxDeliveries);
        }
        else
        {
            entry.RetryAt = RetryAt(entry, outcome);
            Settle(entry);
        }
    }

    public static void Enlist(ModelTransaction transaction, ModelEntry entry, ModelOutcome outcome)
    {
        entry.Place = Place.Enlisted;
        transaction.Settled.Add((entry, outcome));
    }

    public void Commit(ModelTransaction transaction)
    {
        foreach (var (entry, outcome) in transaction.Settled)
        {
            Apply(entry, outcome);
        }

        foreach (var (_, message, queues) in transaction.Sends)
        {
            Send(message, queues);
        }
    }

    /// <summary>What was sent never was; what was settled comes back as a delivery that failed.</summary>
    public void RollBack(ModelTransaction transaction)
    {
        foreach (var (entry, _) in transaction.Settled)
        {
            Apply(entry, rules.RollbackCounts ? ModelOutcome.Failed : ModelOutcome.Released);
        }
    }

    public void Advance(long milliseconds)
    {
        Now += milliseconds;
        foreach (var entry in Entries.Where(static e => e.Place is Place.Available or Place.Scheduled).ToArray())
        {
            Settle(entry);
        }

        DeadLetters.ForEach(static letter => letter.LateOn = null);
    }

    /// <summary>The process ends and starts again on its data. Consumers have gone before.</summary>
    public void Restart()
    {
        foreach (var queue in Queues.Values.Where(static q => !q.Durable).ToArray())
        {
            Delete(queue);
        }

        foreach (var entry in Entries.ToArray())
        {
            entry.WasDelivered = true;
            entry.Excluded.Clear();
            entry.IsReplaced = false;
            if (!entry.Message.Durable && rules.NonDurableVanish)
            {
                Remove(entry);
            }
            else if (entry.Place is Place.Held or Place.Enlisted)
            {
                Settle(entry);
            }
        }

        DeadLetters.RemoveAll(letter => !letter.Message.Durable && rules.NonDurableVanish);
        foreach (var queue in Queues.Values)
        {
            queue.Groups.Clear();
            if (queue.Kind == QueueKind.LastValue && rules.LastValuesReplace)
            {
                LastValues.Restore(queue).ToList().ForEach(Remove);
            }
        }
    }

    /// <summary>Removes what nobody holds; how many that was.</summary>
    public static int Purge(ModelQueue queue)
    {
        var free = queue.Entries.Where(static e => e.Place is Place.Available or Place.Scheduled).ToArray();
        foreach (var entry in free)
        {
            Remove(entry);
        }

        return free.Length;
    }

    /// <summary>What a browser sees, in order.</summary>
    public IReadOnlyList<ModelEntry> Browse(ModelQueue queue, Selector? selector) =>
        [.. queue.Entries.Where(e => e.Place == Place.Available && (selector is null || selector.Matches(e.Message, e.Failures)))
            .OrderByDescending(e => rules.PriorityCounts ? e.Message.Priority : 0).ThenBy(static e => e.Sequence)];

    /// <summary>Whether a message waits because one before it in its group waits for its next try.</summary>
    public bool IsHeldUp(ModelEntry entry) =>
        entry is { Message.Group: { } group, Queue.Kind: QueueKind.RetryInOrder } && rules.RetriesKeepOrder
        && entry.Queue.Entries.Exists(e => e.Message.Group == group && e.IsParked(Now) && e.IsBefore(entry));

    private IEnumerable<ModelEntry> Entries => Queues.Values.SelectMany(static q => q.Entries);

    /// <summary>When a message that comes back is tried again; 0 for at once.</summary>
    private long RetryAt(ModelEntry entry, ModelOutcome outcome) =>
        entry.Queue.Kind is QueueKind.Retry or QueueKind.RetryInOrder && rules.RetriesWait && outcome is ModelOutcome.Rejected or ModelOutcome.Failed
            ? Now + RetrySchedule.Delay(rules.RetryDelay, entry.Failures)
            : 0;

    /// <summary>Back to its place in line, or to where it belongs now.</summary>
    private void Settle(ModelEntry entry)
    {
        entry.Holder = null;
        if (entry.IsReplaced && rules.ReplacedAreDropped)
        {
            Remove(entry);
        }
        else if (entry.IsExpired(Now) && rules.ExpiryCounts && !entry.Queue.IsDeadLetter)
        {
            DeadLetter(entry, Expired).LateOn = entry.Queue;
        }
        else
        {
            entry.Place = Math.Max(entry.Message.DeliverAt, entry.RetryAt) > Now ? Place.Scheduled : Place.Available;
        }
    }

    private DeadLetter DeadLetter(ModelEntry entry, string reason)
    {
        Remove(entry);
        var letter = new DeadLetter(entry.Message, entry.Queue.Address, reason, entry.Failures) { Since = Now };
        if (!(entry.Queue.DropsExpired && reason == Expired))
        {
            DeadLetters.Add(letter);
        }

        return letter;
    }

    private static void Remove(ModelEntry entry)
    {
        entry.Place = Place.Gone;
        entry.Queue.Entries.Remove(entry);
    }
}
