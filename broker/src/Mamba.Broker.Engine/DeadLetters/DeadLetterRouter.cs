using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Mamba.Broker.Journal;

namespace Mamba.Broker.Engine;

/// <summary>
/// Moves messages to dead-letter and expiry addresses. A move is one journal record (remove and enqueue), so it cannot lose or
/// double a message. A list of moves is worked off in one go, without recursion; a moved message never moves again, so there
/// are no cycles. Thread-safe.
/// </summary>
internal sealed class DeadLetterRouter(EngineContext context, Func<string, ValueTask<QueueHost?>> resolve)
{
    private const int RetryDelay = 1000;

    /// <summary>Starts the moves of one queue; each counts as one part of the ticket.</summary>
    public void Move(QueueHost source, List<MessageMove> moves, SettleTicket? ticket)
    {
        var work = source.MoveWork;
        work.Pending.Enqueue((moves.ToArray(), ticket));
        if (Interlocked.Increment(ref work.Count) > 1)
        {
            return;
        }

        if (EngineCompletion.IsInside)
        {
            ThreadPool.UnsafeQueueUserWorkItem(static state => _ = state.Item1.WorkOffAsync(state.source), (this, source), preferLocal: false);
            return;
        }

        _ = WorkOffAsync(source);
    }

    /// <summary>Address a message goes to, or null when it is dropped.</summary>
    public static string? TargetOf(QueueHost source, DeadLetterReason reason)
    {
        var options = source.Options;
        var template = reason == DeadLetterReason.Expired ? options.ExpiryAddress ?? options.DeadLetterAddress : options.DeadLetterAddress;
        return template.Length == 0 ? null : template.Replace("{address}", source.Naming.Address, StringComparison.Ordinal);
    }

    /// <summary>The dead-letter queue for a reason, made when missing; null when messages are dropped.</summary>
    public async ValueTask<QueueHost?> ResolveAsync(QueueHost source, DeadLetterReason reason)
    {
        var address = TargetOf(source, reason);
        if (address is null)
        {
            return null;
        }

        return await resolve(address) ?? await resolve("DLQ." + source.Naming.Address)
            ?? throw new EngineException(EngineError.Mismatch, $"'{address}' is not a queue, so '{source.Name}' cannot dead-letter to it.");
    }

    /// <summary>The message as it is stored at its new place, with one reference for the caller.</summary>
    public StoredMessage Annotate(QueueHost source, in MessageMove move)
    {
        var original = move.Message;
        if (original is null)
        {
            original = source.LoadBody(move.Token, move.MessageId, move.Location)
                ?? throw new EngineException(EngineError.NotFound, $"Message {move.MessageId} is no longer on '{source.Name}'.");
        }
        else
        {
            original.AddReference();
        }

        var annotated = original;
        try
        {
            annotated = move.Annotations.IsEmpty ? original : context.Annotator.MergeAnnotations(original, move.Annotations.Span);
            var info = new DeadLetterInfo(
                move.Reason, source.Naming.Address, source.Naming.Queue, source.Naming.Subscription, move.DeliveryCount, context.Now,
                original.ExpiresAt, move.ErrorCondition, move.ErrorDescription);
            var copy = context.Annotator.DeadLetter(annotated, info);
            copy.Durable = original.Durable;
            copy.Priority = original.Priority;
            copy.ExpiresAt = 0;
            copy.DeliverAt = 0;
            copy.Version = 0;
            copy.DeadLettered = true;
            copy.HasOwnRetry = false;
            return copy;
        }
        finally
        {
            original.Release();
            if (annotated != original)
            {
                annotated.Release();
            }
        }
    }

    /// <summary>Works off a queue's list in order; one worker at a time for each queue.</summary>
    private async Task WorkOffAsync(QueueHost source)
    {
        var work = source.MoveWork;
        do
        {
            if (work.Pending.TryDequeue(out var next))
            {
                await MoveAllAsync(source, next.Moves, next.Ticket);
            }
        }
        while (Interlocked.Decrement(ref work.Count) > 0);
    }

    private async Task MoveAllAsync(QueueHost source, MessageMove[] moves, SettleTicket? ticket)
    {
        var expired = Array.FindAll(moves, static move => move.Reason == DeadLetterReason.Expired);
        var others = Array.FindAll(moves, static move => move.Reason != DeadLetterReason.Expired);
        await MoveGroupAsync(source, expired, DeadLetterReason.Expired, ticket);
        await MoveGroupAsync(source, others, DeadLetterReason.Rejected, ticket);
    }

    private async Task MoveGroupAsync(QueueHost source, MessageMove[] moves, DeadLetterReason reason, SettleTicket? ticket)
    {
        if (moves.Length == 0)
        {
            return;
        }

        try
        {
            var target = await ResolveAsync(source, reason);
            if (target is null)
            {
                Drop(source, moves, ticket);
                return;
            }

            MoveTo(source, target, moves, ticket);
        }
        catch (Exception cause) when (cause is EngineException or JournalException or ObjectDisposedException)
        {
            context.Events.BackgroundFailure($"Moving {moves.Length} messages from '{source.Name}'", cause);
            foreach (var move in moves)
            {
                Abort(source, move);
                ticket?.PartDone(failed: true);
            }
        }
    }

    private void MoveTo(QueueHost source, QueueHost target, MessageMove[] moves, SettleTicket? ticket)
    {
        var batch = context.Journal.RentBatch();
        var completion = new MoveCompletion(this, source, target, batch, ticket, moves.Length);
        foreach (var move in moves)
        {
            if (TryAnnotate(source, move, out var copy))
            {
                completion.Add(move, copy, context.TakeMessageIds(1));
            }
            else
            {
                ticket?.PartDone(failed: true);
            }

            move.Message?.Release();
        }

        target.Reserve(completion.Count, completion.Bytes);
        completion.Start(context);
    }

    private bool TryAnnotate(QueueHost source, in MessageMove move, out StoredMessage copy)
    {
        try
        {
            copy = Annotate(source, move);
            copy.ChargeTo(context.Budget);
            return true;
        }
        catch (Exception cause)
        {
            // Whatever it is, an annotator's own failure included, it must not stop the moves behind this one.
            // The entry stays in state Moving: it is counted, reported, and not delivered.
            context.Events.MessageDamaged(source.Name, move.MessageId, cause);
            copy = null!;
            return false;
        }
    }

    private void Drop(QueueHost source, MessageMove[] moves, SettleTicket? ticket)
    {
        foreach (var move in moves)
        {
            source.Run(move, static (core, move, effects) =>
            {
                core.CompleteMove(move.Token, move.MessageId, move.Reason, effects);
                return 0;
            });
            move.Message?.Release();
            context.Events.MessageMoved(source.Name, null, move.Reason, move.DeliveryCount);
            ticket?.PartDone();
        }
    }

    private void Abort(QueueHost source, MessageMove move)
    {
        if (move.Reason == DeadLetterReason.MaxLength)
        {
            // Back in line it would be too much again at once: it is discarded.
            Drop(source, [move], ticket: null);
            return;
        }

        source.Run((move, context.Now + RetryDelay), static (core, state, effects) =>
        {
            core.AbortMove(state.move.Token, state.move.MessageId, state.Item2, effects);
            return 0;
        });
        move.Message?.Release();
    }

    /// <summary>One list of moves between two queues, through the journal when any of it is durable.</summary>
    private sealed class MoveCompletion(
        DeadLetterRouter router, QueueHost source, QueueHost target, JournalBatch batch, SettleTicket? ticket, int capacity) : EngineCompletion
    {
        private readonly List<(MessageMove Move, StoredMessage Copy, ulong MessageId, int Record, int Offset)> _items = new(capacity);

        public int Count => _items.Count;

        public long Bytes { get; private set; }

        public void Add(in MessageMove move, StoredMessage copy, ulong messageId)
        {
            var stores = copy.Durable && target.Durable;
            var record = -1;
            var offset = 0;
            if (move.Persistent || stores)
            {
                batch.BeginRecord();
                if (move.Persistent)
                {
                    ListOperation.AppendRemove(batch, move.MessageId, source.Id);
                    offset = ListOperation.HeaderSize + ListOperation.RemoveItemSize;
                }

                if (stores)
                {
                    EnqueueOperation.Write(batch, copy, messageId, 0, transient: false, [target.Id]);
                }

                record = batch.EndRecord();
            }

            Bytes += copy.Length;
            _items.Add((move with { Message = null }, copy, messageId, record, stores ? offset : -1));
        }

        public void Start(EngineContext context)
        {
            if (batch.Count == 0)
            {
                Written();
                return;
            }

            context.Journal.Append(batch, sync: true, this);
        }

        protected override void Written()
        {
            var ledger = source.Context.Ledger;
            var entries = new NewEntry[_items.Count];
            for (var i = 0; i < entries.Length; i++)
            {
                var (move, copy, messageId, record, offset) = _items[i];
                var address = record < 0 ? default : batch.AddressOf(record);
                var location = record < 0 || offset < 0 ? default : new MessageLocation(address, offset, copy.Length);
                entries[i] = new NewEntry { Message = copy, MessageId = messageId, Location = location, Persistent = location.IsStored };
                if (location.IsStored)
                {
                    ledger.AddLive(location);
                }

                if (move.Persistent)
                {
                    ledger.DependOn(address.Segment, move.Location.Address.Segment);
                }
            }

            target.Enqueue(entries);
            foreach (ref readonly var item in CollectionsMarshal.AsSpan(_items))
            {
                CompleteAtSource(item.Move);
                ticket?.PartDone();
            }

            batch.Dispose();
        }

        protected override void Failed(JournalException cause)
        {
            router.Report(cause);
            target.Unreserve(Count, Bytes);
            foreach (var item in _items)
            {
                item.Copy.Release();
                router.Abort(source, item.Move);
                ticket?.PartDone(failed: true);
            }

            batch.Dispose();
        }

        private void CompleteAtSource(MessageMove move)
        {
            source.Run(move, static (core, move, effects) =>
            {
                core.CompleteMove(move.Token, move.MessageId, move.Reason, effects);
                return 0;
            }, journaled: true);
            source.Context.Events.MessageMoved(source.Name, target.Name, move.Reason, move.DeliveryCount);
        }
    }

    private void Report(JournalException cause) => context.Journal.Report(cause);
}

/// <summary>Moves of one queue that wait for their turn.</summary>
internal sealed class MoveWorkList
{
    public int Count;

    public ConcurrentQueue<(MessageMove[] Moves, SettleTicket? Ticket)> Pending { get; } = new();
}
