using System.Buffers;
using System.Runtime.CompilerServices;

namespace Mamba.Broker.Engine;

/// <content>Looking at and removing messages that are not due yet.</content>
internal sealed partial class QueueHost
{
    /// <summary>Adds what waits here for its time.</summary>
    public void ListDelayed(ScheduledSelection into)
    {
        lock (_gate)
        {
            foreach (var (token, dueAt) in _core.Scheduled)
            {
                ref var entry = ref _core.Index.Find(token);
                var parkedUntil = _core.ParkedUntil(token);
                if (_core.Waits(token, dueAt) && into.WantsId(entry.MessageId) && into.Wants(KindOf(parkedUntil), dueAt))
                {
                    into.Add(new ScheduledMessage(
                        entry.MessageId, KindOf(parkedUntil), naming.Address, naming.Subscription, dueAt, null, 0, 0, 0, 0, entry.DeliveryCount,
                        (entry.Flags & EntryFlags.Durable) != EntryFlags.None, entry.BodyLength)
                    {
                        Host = this,
                        Token = token,
                        MessageId = entry.MessageId,
                    });
                }
            }
        }
    }

    /// <summary>A message, read back if need be, with one reference for the caller; null when it is gone.</summary>
    public StoredMessage? Read(long token, ulong messageId) =>
        Locate(token, messageId, out var location, out var message) ? message ?? LoadBody(token, messageId, location) : null;

    /// <summary>Removes the delayed message of an id; completes once that is on disk. False when there is none.</summary>
    public Task<bool> CancelDelayedAsync(ulong messageId)
    {
        long? found = null;
        lock (_gate)
        {
            foreach (var (token, _) in _core.Scheduled)
            {
                ref var entry = ref _core.Index.Find(token);
                if (!Unsafe.IsNullRef(ref entry) && entry.MessageId == messageId && KindOf(_core.ParkedUntil(token)) == ScheduledKind.Delayed)
                {
                    found = token;
                    break;
                }
            }
        }

        return found is { } at ? RemoveAsync(at, messageId) : Task.FromResult(false);
    }

    /// <summary>Removes a message nobody holds; completes once that is on disk. False when it is held, or gone.</summary>
    public async Task<bool> RemoveAsync(long token, ulong messageId)
    {
        var effects = QueueEffects.Rent();
        var removed = false;
        lock (_gate)
        {
            ref var entry = ref _core.Index.Find(token);
            if (!Unsafe.IsNullRef(ref entry) && entry.MessageId == messageId && entry.State is EntryState.Scheduled or EntryState.Available)
            {
                _core.Remove(token, ref entry, effects);
                _core.Counters.Purged++;
                removed = true;
            }

            UpdateDeadline();
        }

        await ConcludeAsync(effects, token, messageId, parts: 0);
        return removed;
    }

    /// <summary>Gives up the failed delivery of an id that waits for its next try; completes once that is on disk. False when there is none.</summary>
    public async Task<bool> CancelParkedAsync(ulong messageId)
    {
        var effects = QueueEffects.Rent();
        (long Token, bool IsMoved)? cancelled;
        lock (_gate)
        {
            cancelled = _core.CancelParked(messageId, effects);
            UpdateDeadline();
        }

        await ConcludeAsync(effects, cancelled?.Token ?? 0, messageId, cancelled is { IsMoved: true } ? 1 : 0);
        return cancelled is not null;
    }

    /// <summary>Carries out effects; completes once the journal has them.</summary>
    private async Task ConcludeAsync(QueueEffects effects, long token, ulong messageId, int parts)
    {
        var results = ArrayPool<SettleResult>.Shared.Rent(1);
        results[0] = new SettleResult(token, SettleStatus.Settled);
        var stored = new RemovalObserver();
        Conclude(effects, stored, results, 1, parts);
        if (await stored.Task == SettleStatus.JournalFailed)
        {
            throw new EngineException(EngineError.JournalFailed, $"The journal did not take the removal of message {messageId}; it may be back after a restart.");
        }
    }

    private static ScheduledKind KindOf(long parkedUntil) => parkedUntil != 0 ? ScheduledKind.Parked : ScheduledKind.Delayed;

    private sealed class RemovalObserver : ISettleObserver
    {
        private readonly TaskCompletionSource<SettleStatus> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<SettleStatus> Task => _done.Task;

        public void OnSettled(ReadOnlySpan<SettleResult> results) => _done.TrySetResult(results[0].Status);
    }
}
