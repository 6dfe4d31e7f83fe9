using System.Runtime.CompilerServices;

namespace Mamba.Broker.Engine;

/// <content>How a message takes the place of an older one with its key.</content>
internal sealed partial class QueueCore
{
    /// <summary>
    /// A queue that was there before it got keys: finds a message its place among those of its key. False when it is gone, known already,
    /// or gave way to a newer one.
    /// </summary>
    public bool AdoptKey(long token, ulong messageId, string key, QueueEffects effects)
    {
        ref var entry = ref _index.Find(token);
        if (_index.LastValues is not { } values || Unsafe.IsNullRef(ref entry) || entry.MessageId != messageId || values.Knows(messageId))
        {
            return false;
        }

        var arrival = values.Arrive(messageId, key);
        if (arrival.IsLate && LastValueTable.IsInLine(entry.State))
        {
            values.Replaced++;
            Remove(token, ref entry, effects);
            return false;
        }

        if (arrival.IsLate)
        {
            values.AddSuperseded(messageId, key);
            return false;
        }

        values.Place(messageId, token);
        if (arrival.HasOlder)
        {
            GiveWay(arrival, entry.Address.Segment, effects);
        }

        return true;
    }

    /// <summary>
    /// Sees to the older message of a key. True when the new one is to be put in line: there is no older one, or its place cannot be taken, as
    /// it is held, or has another priority, a group or a time of delivery. A place that is taken over keeps keys that change often from
    /// being put off for ever.
    /// </summary>
    private bool ReplaceOlder(StoredMessage message, in QueueEntry next, string key, QueueEffects effects)
    {
        var values = _index.LastValues!;
        var arrival = values.Arrive(next.MessageId, key);
        if (arrival.IsLate)
        {
            values.Replaced++;
            DiscardLate(next, effects);
            return false;
        }

        if (!arrival.HasOlder)
        {
            return true;
        }

        ref var older = ref _index.Find(arrival.OlderToken);
        var level = Math.Min((int)message.Priority, QueueIndex.Levels - 1);
        if (next.State == EntryState.Available && older.State == EntryState.Available && Groups is null && message.GroupKey == 0
            && QueueIndex.LevelOf(arrival.OlderToken) == level)
        {
            values.Replaced++;
            TakePlace(arrival, ref older, next, effects);
            return false;
        }

        GiveWay(arrival, next.Address.Segment, effects);
        return true;
    }

    private void GiveWay(in Arrival arrival, int segment, QueueEffects effects)
    {
        ref var older = ref _index.Find(arrival.OlderToken);
        Mention(arrival, older, segment, effects);
        if (!LastValueTable.IsInLine(older.State))
        {
            _index.LastValues!.Supersede(arrival.OlderId);
            return;
        }

        _index.LastValues!.Replaced++;
        var at = effects.Removed.Count;
        Remove(arrival.OlderToken, ref older, effects);
        effects.Removed[at] = effects.Removed[at] with { Persistent = effects.Removed[at].Persistent && !arrival.IsJournaled };
    }

    private void TakePlace(in Arrival arrival, ref QueueEntry older, in QueueEntry next, QueueEffects effects)
    {
        var token = arrival.OlderToken;
        Mention(arrival, older, next.Address.Segment, effects);
        effects.Removed.Add(new RemovedMessage(older.MessageId, older.Location, older.IsPersistent && !arrival.IsJournaled, token));
        effects.FreedMessages++;
        effects.FreedBytes += older.BodyLength;
        if ((older.Flags & EntryFlags.Excluded) != EntryFlags.None)
        {
            _exclusions!.Forget(token);
        }

        if (_index.Replace(token, ref older, next) is { } message)
        {
            effects.Releases.Add(message);
        }

        _index.LastValues!.Place(next.MessageId, token);
        Track(token, next, deliverAt: 0);
        if (_policy.Expires(next))
        {
            NoteExpiry(token, next.ExpiresAt);
        }

        foreach (var scanner in _consumers.Scanners)
        {
            // Browsers too: to them it is another message.
            scanner.Cursor.Return(token);
        }
    }

    private static void Mention(in Arrival arrival, in QueueEntry older, int segment, QueueEffects effects)
    {
        if (arrival.IsJournaled && older.Location.IsStored)
        {
            effects.Mentions.Add((segment, older.Address.Segment));
        }
    }

    private static void DiscardLate(in QueueEntry late, QueueEffects effects)
    {
        effects.Removed.Add(new RemovedMessage(late.MessageId, late.Location, late.IsPersistent, Token: -1));
        effects.FreedMessages++;
        effects.FreedBytes += late.BodyLength;
        if (late.Message is { } message)
        {
            effects.Releases.Add(message);
        }
    }
}
