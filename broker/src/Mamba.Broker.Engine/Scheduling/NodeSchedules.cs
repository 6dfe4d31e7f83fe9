using System.Collections.Concurrent;

namespace Mamba.Broker.Engine;

/// <summary>
/// The repeating schedules of one address, on a queue of their own that has no address: its id is the node's with the top bit set, so
/// that it comes and goes with the node's definition. Whatever falls due there is taken by this consumer. It fires by one transaction:
/// the message goes to the node, the next envelope to this queue, and the envelope that was due leaves it. So an instant is fired
/// whole or not at all, and never twice. Thread-safe.
/// </summary>
internal sealed class NodeSchedules : ISubscriber
{
    /// <summary>Makes the id of a node's schedules from the node's own.</summary>
    public const uint IdBit = 0x8000_0000;

    private const int TakeAtOnce = 16;
    private const long RetryDelay = 1_000;

    private readonly EngineContext _context;
    private readonly IRoutingNode _node;
    private readonly ConcurrentDictionary<long, TaskCompletionSource> _firing = new();

    /// <summary>Of envelopes that were listed, by message id: so that looking for one reads each of the others once at the most.</summary>
    private readonly ConcurrentDictionary<ulong, (ulong Id, ulong Parent)> _identities = new();
    private readonly Lock _gate = new();
    private ISubscription? _subscription;
    private int _signals;

    public NodeSchedules(EngineContext context, IRoutingNode node, uint nodeId)
    {
        _context = context;
        _node = node;
        var options = new NodeOptions
        {
            Durable = node.Options.Durable,
            MaxMessages = context.Options.MaxSchedulesPerAddress,
            MaxDeliveries = 0,
            DeadLetterAddress = string.Empty,
        };
        Host = new QueueHost(context, nodeId | IdBit, new QueueNaming(node.Address, node.Address, null), options);
        context.Hosts[Host.Id] = Host;
    }

    public QueueHost Host { get; }

    /// <summary>Begins to fire what is due; recovery is over. Idempotent.</summary>
    public void Start()
    {
        lock (_gate)
        {
            _subscription ??= Host.Subscribe(new SubscribeOptions(), this);
        }
    }

    /// <summary>Puts a message with a schedule away instead of on its queues; the envelope takes its place.</summary>
    public PublishOutcome Route(ref StoredMessage message, RouteList targets)
    {
        if (_node.IsDeleted)
        {
            return PublishOutcome.NotFound;
        }

        var schedule = message.Schedule!;
        var now = _context.Now;
        var first = schedule.Cron is { } cron ? cron.Next(now) ?? long.MaxValue : schedule.FirstAt;
        var envelope = ScheduleState.For(schedule, message, now).Wrap(message, message.Span, first);
        message.Release();
        message = envelope;
        return targets.TryAdd(Host, envelope.Length, targets.Count) ? PublishOutcome.Accepted : PublishOutcome.TooManySchedules;
    }

    public void OnReady()
    {
        if (Interlocked.Increment(ref _signals) == 1)
        {
            ThreadPool.UnsafeQueueUserWorkItem(static schedules => schedules.FireAll(), this, preferLocal: false);
        }
    }

    public void OnNodeDeleted()
    {
        foreach (var (_, firing) in _firing)
        {
            firing.TrySetResult();
        }
    }

    /// <summary>Everything that waits here. Of one that is being fired and is here twice, the later.</summary>
    public void List(ScheduledSelection into)
    {
        var found = new Dictionary<ulong, ScheduledMessage>();
        foreach (var entry in Envelopes())
        {
            try
            {
                if (_identities.TryGetValue(entry.Message.MessageId, out var identity) && !into.WantsId(identity.Id))
                {
                    entry.Message.Message?.Release();
                }
                else if (ReadState(entry.Message) is var (state, dueAt)
                    && (!found.TryGetValue(IdOf(state, entry.Message.MessageId), out var known) || known.DueAt < dueAt))
                {
                    found[IdOf(state, entry.Message.MessageId)] = Describe(entry.Message, state, dueAt);
                }
            }
            catch (EngineException cause)
            {
                _context.Events.MessageDamaged(Host.Name, entry.Message.MessageId, cause);
            }
        }

        foreach (var (_, item) in found)
        {
            into.Add(item);
        }
    }

    /// <summary>Ends a schedule and the series it began; completes once that is on disk. False when there is no such schedule here.</summary>
    public async Task<bool> CancelAsync(ulong id)
    {
        var found = false;
        while (true)
        {
            Task? busy = null;
            foreach (var entry in Envelopes())
            {
                if (!Belongs(entry.Message, id))
                {
                    continue;
                }

                if (!entry.Waits)
                {
                    busy = _firing.TryGetValue(entry.Message.Token, out var firing) ? firing.Task : Task.Run(Thread.Yield);
                }
                else if (await Host.RemoveAsync(entry.Message.Token, entry.Message.MessageId))
                {
                    found = true;
                }
                else
                {
                    // It fell due meanwhile: look again.
                    busy = Task.CompletedTask;
                }
            }

            if (busy is null)
            {
                return found;
            }

            await busy;
        }
    }

    private List<EnvelopeEntry> Envelopes()
    {
        var envelopes = Host.Run(_context, static (core, _, _) => SchedulingCommands.Envelopes(core));
        if (_identities.Count > 2 * (envelopes.Count + 8))
        {
            // Most are of envelopes that are gone.
            _identities.Clear();
        }

        return envelopes;
    }

    private bool Belongs(in AcquiredMessage message, ulong id)
    {
        if (_identities.TryGetValue(message.MessageId, out var identity))
        {
            message.Message?.Release();
            return identity.Id == id || identity.Parent == id;
        }

        try
        {
            return ReadState(message) is var (state, _) && (IdOf(state, message.MessageId) == id || state.Parent == id);
        }
        catch (EngineException cause)
        {
            _context.Events.MessageDamaged(Host.Name, message.MessageId, cause);
            return false;
        }
    }

    /// <summary>Reads and releases; null when the message is gone.</summary>
    private (ScheduleState State, long DueAt)? ReadState(in AcquiredMessage acquired)
    {
        var message = acquired.Message ?? Host.LoadBody(acquired.Token, acquired.MessageId, acquired.Location);
        if (message is null)
        {
            return null;
        }

        try
        {
            var state = ScheduleState.Read(message.Span);
            _identities[acquired.MessageId] = (IdOf(state, acquired.MessageId), state.Parent);
            return (state, message.DeliverAt);
        }
        finally
        {
            message.Release();
        }
    }

    private ScheduledMessage Describe(in AcquiredMessage entry, in ScheduleState state, long dueAt) => new(
        IdOf(state, entry.MessageId), ScheduledKind.Repeating, _node.Address, null, dueAt, state.Cron?.Text, state.Period, state.Repeats,
        state.Parent, state.CreatedAt, 0, entry.Durable, entry.Length)
    {
        Host = Host,
        Token = entry.Token,
        MessageId = entry.MessageId,
    };

    private static ulong IdOf(in ScheduleState state, ulong messageId) => state.Id == 0 ? messageId : state.Id;

    private void FireAll()
    {
        int seen;
        do
        {
            seen = Volatile.Read(ref _signals);
            FireAvailable();
        }
        while (Interlocked.CompareExchange(ref _signals, 0, seen) != seen);
    }

    private void FireAvailable()
    {
        ISubscription? subscription;
        lock (_gate)
        {
            subscription = _subscription;
        }

        var due = new AcquiredMessage[TakeAtOnce];
        int count;
        while (subscription is not null && (count = subscription.Acquire(due)) > 0)
        {
            foreach (ref readonly var message in due.AsSpan(0, count))
            {
                Fire(subscription, message);
            }
        }
    }

    private void Fire(ISubscription subscription, in AcquiredMessage due)
    {
        var firing = new Firing(this, (QueueConsumer)subscription, due.Token);
        _firing[due.Token] = firing.Done;
        var unit = new UnitOfWork(_context);
        StoredMessage? envelope = null;
        try
        {
            envelope = due.Message ?? Host.LoadBody(due.Token, due.MessageId, due.Location);
            if (envelope is not null && unit.AddSettle(subscription, Settlement.Accept(due.Token), settledByPeer: false) && Enlist(unit, envelope, due.MessageId))
            {
                unit.Commit(firing);
            }
            else
            {
                unit.Rollback();
                firing.Retry();
            }
        }
        catch (Exception cause)
        {
            // Whatever it is, an annotator's own failure included: the others fire, and this one is tried again.
            _context.Events.MessageDamaged(Host.Name, due.MessageId, cause);
            unit.Rollback();
            firing.Retry();
        }
        finally
        {
            envelope?.Release();
        }
    }

    /// <summary>Puts what an instant comes to into a transaction; false when the node has no room, or is gone.</summary>
    private bool Enlist(UnitOfWork unit, StoredMessage envelope, ulong messageId)
    {
        var now = _context.Now;
        var state = ScheduleState.Read(envelope.Span);
        state = state with { Id = IdOf(state, messageId) };
        var step = state.Advance(envelope.DeliverAt, now, _context.StartedAt, _context.Options.MissedInstants);
        if (step.SeriesAt != 0 && !BeginSeries(unit, envelope, state, step.SeriesAt))
        {
            _context.Events.BackgroundFailure(
                $"Beginning the series of schedule {state.Id} on '{_node.Address}', which is left out this time",
                new EngineException(EngineError.LimitExceeded, $"The address has {_context.Options.MaxSchedulesPerAddress} schedules, which is the limit."));
        }

        if (step.Next != 0)
        {
            var next = state with { Repeats = step.Repeats };
            unit.AddEnvelope(Host, _node, next.Wrap(envelope, ScheduleState.MessageIn(envelope.Span), step.Next), reserve: false);
        }

        return !step.Delivers || unit.AddCopy(_node, Copy(envelope, state, now)) == PublishOutcome.Accepted;
    }

    private bool BeginSeries(UnitOfWork unit, StoredMessage envelope, in ScheduleState state, long firstAt)
    {
        var series = state with { Id = 0, Parent = state.Id, Cron = null, CreatedAt = _context.Now };
        var first = series.Wrap(envelope, ScheduleState.MessageIn(envelope.Span), firstAt);
        return unit.AddEnvelope(Host, _node, first, reserve: true) == PublishOutcome.Accepted;
    }

    private StoredMessage Copy(StoredMessage envelope, in ScheduleState state, long now)
    {
        var message = state.Unwrap(envelope, now);
        try
        {
            return _context.Annotator.Scheduled(message, state.Id, envelope.DeliverAt);
        }
        finally
        {
            message.Release();
        }
    }

    /// <summary>One envelope on its way through the journal.</summary>
    private sealed class Firing(NodeSchedules schedules, QueueConsumer consumer, long token) : ICommitObserver
    {
        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void OnCommitted(UnitOfWork unitOfWork, CommitOutcome outcome, string? reason)
        {
            if (outcome == CommitOutcome.RolledBack)
            {
                Retry();
                return;
            }

            End();
        }

        /// <summary>The envelope waits a little and falls due again, for the same instant.</summary>
        public void Retry()
        {
            var at = schedules._context.Now + RetryDelay;
            schedules.Host.Run((consumer, token, at), static (core, state, _) => core.ParkAcquired(state.consumer, state.token, state.at));
            End();
        }

        private void End()
        {
            schedules._firing.TryRemove(token, out _);
            Done.TrySetResult();
        }
    }
}
