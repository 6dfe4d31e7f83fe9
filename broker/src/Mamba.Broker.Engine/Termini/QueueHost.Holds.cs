namespace Mamba.Broker.Engine;

// Suspended links: what they hold stays held.
internal sealed partial class QueueHost
{
    /// <summary>Detaches a consumer and keeps what it holds; null when it was detached before.</summary>
    public HeldMessages? Suspend(QueueConsumer consumer)
    {
        var held = new HeldMessages(this, consumer.Terminus);
        var left = Run((consumer, held.Keeper, context.Now), static (core, state, effects) =>
        {
            if (!state.consumer.IsAttached)
            {
                return -1;
            }

            core.Suspend(state.consumer, state.Keeper, state.Now, effects);
            return core.Consumers.Count;
        });
        if (left < 0)
        {
            return null;
        }

        Owner?.OnConsumerDetached(left);
        return held;
    }

    /// <summary>Hands what is kept to a consumer; false when it is gone.</summary>
    public bool Adopt(QueueConsumer keeper, QueueConsumer consumer, List<AcquiredMessage> into) =>
        Run((keeper, consumer, into), static (core, state, _) => core.Adopt(state.keeper, state.consumer, state.into));

    public void ReleaseKept(QueueConsumer keeper, bool failed) => Run((keeper, failed, context.Now), static (core, state, effects) =>
    {
        core.ReleaseKept(state.keeper, state.failed, state.Now, effects);
        return 0;
    });

    public long CountHeld(QueueConsumer keeper)
    {
        lock (_gate)
        {
            return keeper.Held;
        }
    }

    /// <summary>Makes a keeper for what recovery finds held; before anything else runs.</summary>
    public HeldMessages RestoreKeeper(uint terminus)
    {
        var held = new HeldMessages(this, terminus);
        _core.Consumers.AddKeeper(held.Keeper);
        return held;
    }

    public void RestoreHeld(long token, HeldMessages held, ushort acquireCount) => _core.RestoreHeld(token, held.Keeper, acquireCount);

    /// <summary>
    /// Journals that the consumer's durable terminus holds these messages; <paramref name="done"/> hears, on any thread, whether that
    /// is on disk. At once where there is nothing to journal.
    /// </summary>
    public void Hold(QueueConsumer consumer, ReadOnlySpan<long> tokens, Action<bool> done)
    {
        var marks = new List<HoldMark>(tokens.Length);
        lock (_gate)
        {
            _core.Describe(consumer, tokens, marks);
        }

        if (marks.Count == 0)
        {
            done(true);
            return;
        }

        HoldCompletion.Append(this, consumer.Terminus, marks, sync: true, done);
    }

    /// <summary>The terminus that holds a message now; 0 for none.</summary>
    public (uint Terminus, ushort AcquireCount) HolderOf(long token, ulong messageId)
    {
        lock (_gate)
        {
            return _core.HolderOf(token, messageId);
        }
    }
}
