namespace Mamba.Broker.Engine;

/// <summary>
/// Who gets messages at all on a queue that is paused, or that has one active consumer. The others wait, and are woken when their
/// turn comes: the next by priority, then the longest attached. It begins when no transaction of the one before it holds a
/// message any more, so that the order holds. Who looks at the queue always passes; who gets copies only waits for a pause to end. Guarded
/// by the queue's lock.
/// </summary>
internal sealed class ConsumerGate(QueueCore core, bool single)
{
    private QueueConsumer? _active;
    private bool _waits;

    public bool IsPaused { get; private set; }

    /// <summary>False when it lets everybody through and can go.</summary>
    public bool IsNeeded => IsPaused || single;

    public bool Admits(QueueConsumer consumer) =>
        consumer.IsBrowser ? !IsPaused || !consumer.IsCopying : (!IsPaused && (!single || (ReferenceEquals(consumer, _active) && !_waits)));

    /// <summary>Pauses or resumes the queue.</summary>
    public void Pause(bool paused)
    {
        IsPaused = paused;
        Call();
    }

    /// <summary>A consumer came or went.</summary>
    public void OnConsumersChanged()
    {
        if (!single || _active is { IsAttached: true })
        {
            return;
        }

        var before = _active;
        _active = null;
        for (var i = 0; i < core.Consumers.Count; i++)
        {
            var consumer = core.Consumers[i];
            _active = consumer.IsBrowser || (_active is not null && _active.Priority >= consumer.Priority) ? _active : consumer;
        }

        _waits = before is not null && core.Index.Enlisted > 0;
        Call();
    }

    /// <summary>Lets the next begin once nothing holds it up.</summary>
    public void Conclude()
    {
        if (_waits && core.Index.Enlisted == 0)
        {
            _waits = false;
            Call();
        }
    }

    /// <summary>Those that may take messages now are asked to come; the others are not counted on.</summary>
    private void Call()
    {
        for (var i = 0; i < core.Consumers.Count; i++)
        {
            var consumer = core.Consumers[i];
            if (!consumer.IsBrowser || consumer.IsCopying)
            {
                core.Consumers.SetWait(consumer, Admits(consumer) ? ConsumerWait.Armed : ConsumerWait.Idle, seenVersion: -1);
            }
        }

        core.NoteChange();
    }
}
