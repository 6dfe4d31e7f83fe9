using System.Runtime.CompilerServices;

namespace Mamba.Broker.Engine;

/// <content>Deliveries that failed: back in line, away until their next try, or out of chances.</content>
internal sealed partial class QueueCore
{
    /// <summary>When each failed delivery that is away is due, by token; null while none ever was. The heap may hold outdated times.</summary>
    private Dictionary<long, long>? _parked;

    /// <summary>Failed deliveries that wait for their next try.</summary>
    public int Parked => _parked?.Count ?? 0;

    /// <summary>Unix milliseconds at which a failed delivery that is away is due; 0 for every other message.</summary>
    public long ParkedUntil(long token) => _parked is not null && _parked.TryGetValue(token, out var due) ? due : 0;

    /// <summary>A message that was looked at after it was given back: parked, in line, or moved.</summary>
    internal void Conclude(in MessageMerge merge, ref QueueEntry entry, in RetryVerdict verdict, QueueEffects effects)
    {
        var token = merge.Token;
        if (verdict.IsExhausted)
        {
            StartMove(token, ref entry, DeadLetterReason.MaxDeliveries, effects, new Settlement { MessageAnnotations = merge.Annotations });
            return;
        }

        if (verdict.DueAt == 0)
        {
            MakeAvailable(token, ref entry);
        }
        else
        {
            ParkFailed(token, ref entry, verdict.DueAt);
        }

        Wake(effects);
    }

    /// <summary>Gives up a failed delivery that is away: it is moved to the dead-letter address where there is one for it, else removed.</summary>
    /// <returns>Its token, and whether it is moved; null when none of that id is away.</returns>
    public (long Token, bool IsMoved)? CancelParked(ulong messageId, QueueEffects effects)
    {
        foreach (var token in _parked?.Keys ?? Enumerable.Empty<long>())
        {
            ref var entry = ref _index.Find(token);
            if (Unsafe.IsNullRef(ref entry) || entry.MessageId != messageId || entry.State != EntryState.Scheduled)
            {
                continue;
            }

            var isMoved = _policy.CanDeadLetter(entry);
            if (isMoved)
            {
                StartMove(token, ref entry, DeadLetterReason.Cancelled, effects);
            }
            else
            {
                Remove(token, ref entry, effects);
                Counters.Purged++;
            }

            Wake(effects);
            return (token, isMoved);
        }

        return null;
    }

    /// <summary>Whether the message itself has to be read before it is known what becomes of it; or rewritten, to stay.</summary>
    private bool NeedsReview(in Settlement outcome, in QueueEntry entry) =>
        (!outcome.MessageAnnotations.IsEmpty || (outcome.DeliveryFailed && entry.HasOwnRetry))
        && !_policy.DeliveriesExhausted(entry) && !_policy.AcquiresExhausted(entry);

    /// <summary>Has the message read once the lock is released; until then it is on the move.</summary>
    private SettleStep Review(in Settlement outcome, ref QueueEntry entry, QueueEffects effects)
    {
        entry.Message?.AddReference();
        effects.Merges.Add(new MessageMerge(
            outcome.Token, entry.MessageId, entry.Location, entry.Message, entry.IsPersistent, entry.DeliveryCount, outcome.MessageAnnotations,
            outcome.DeliveryFailed, outcome.RetryAt));
        _index.SetState(outcome.Token, ref entry, EntryState.Moving);
        if (outcome.DeliveryFailed || outcome.RetryAt != 0)
        {
            // What it will be parked for holds its group up from now on.
            HoldGroup(outcome.Token, entry);
        }

        return SettleStep.Merging;
    }

    /// <summary>Back in line, now or after its wait, unless the message has had its chances or its time.</summary>
    private SettleStep GiveBack(in Settlement outcome, ref QueueEntry entry, long now, QueueEffects effects)
    {
        DeadLetterReason? end = _policy.DeliveriesExhausted(entry) ? DeadLetterReason.MaxDeliveries
            : _policy.AcquiresExhausted(entry) ? DeadLetterReason.MaxAcquires
            : _policy.IsExpired(entry, now) && _index.LastValues?.IsSuperseded(entry.MessageId) != true ? DeadLetterReason.Expired
            : null;
        if (end is { } reason)
        {
            NoteCount(outcome, entry, dueAt: 0, effects);
            StartMove(outcome.Token, ref entry, reason, effects, outcome);
            return SettleStep.Moving;
        }

        Counters.Redelivered++;
        var due = outcome.RetryAt != 0 ? outcome.RetryAt
            : outcome.DeliveryFailed ? _policy.DueAfterFailure(entry.DeliveryCount, default, now)
            : 0;
        if (due > now)
        {
            NoteCount(outcome, entry, due, effects);
            ParkFailed(outcome.Token, ref entry, due);
        }
        else
        {
            NoteCount(outcome, entry, dueAt: 0, effects);
            MakeAvailable(outcome.Token, ref entry);
        }

        return SettleStep.Done;
    }

    private static void CountFailure(ref QueueEntry entry) =>
        entry.DeliveryCount += (ushort)(entry.DeliveryCount == ushort.MaxValue ? 0 : 1);

    /// <summary>The journal learns the count, and until when the message is away, in one record.</summary>
    private static void NoteCount(in Settlement outcome, in QueueEntry entry, long dueAt, QueueEffects effects)
    {
        if (entry.IsPersistent && (outcome.DeliveryFailed || dueAt != 0))
        {
            effects.Counted.Add(new CountedMessage(entry.MessageId, entry.Location, entry.DeliveryCount, dueAt));
        }
    }

    private void ParkFailed(long token, ref QueueEntry entry, long dueAt)
    {
        Park(token, ref entry, dueAt);
        NoteParked(token, entry, dueAt);
    }

    private void NoteParked(long token, in QueueEntry entry, long dueAt)
    {
        (_parked ??= [])[token] = dueAt;
        HoldGroup(token, entry);
    }

    private void HoldGroup(long token, in QueueEntry entry)
    {
        if (_policy.KeepsGroups && entry.IsGrouped)
        {
            Groups!.Hold(token);
        }
    }
}
