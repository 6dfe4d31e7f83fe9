namespace Mamba.Broker.Engine;

/// <content>Commands about the kind of queue it is.</content>
internal sealed partial class QueueHost
{
    /// <summary>Bytes of the messages on it.</summary>
    public long Bytes
    {
        get
        {
            lock (_gate)
            {
                return _core.Index.Bytes;
            }
        }
    }

    /// <summary>Stops deliveries, or lets them go on.</summary>
    public void SetPaused(bool paused)
    {
        Run(paused, static (core, paused, effects) =>
        {
            if (core.IsPaused != paused)
            {
                core.Pause(paused, effects);
            }

            return 0;
        });
    }

    /// <summary>
    /// Other settings hold from now on. What open transactions are about to send, and what is being routed at this moment, is not counted by limits
    /// where there were none before.
    /// </summary>
    public void Configure(NodeOptions next)
    {
        if (next == Options)
        {
            return;
        }

        var (hasOtherKeys, messages, bytes) = Run((host: this, next), static (core, state, effects) =>
        {
            state.host.Options = state.next;
            state.host._paging = PagingLimit.For(state.next);
            return (core.Configure(state.next, effects), core.Index.Count, core.Index.Bytes);
        });
        _admission.Change(next, messages + Volatile.Read(ref _inFlight), bytes);
        if (hasOtherKeys)
        {
            FindLastValues();
        }
    }

    /// <summary>Everything recovery found is there: the limits apply again, as what they removed last may have come back.</summary>
    public void FinishRestore()
    {
        FindLastValues();
        Run(0, static (core, _, effects) =>
        {
            core.Index.Ring?.Trim(effects);
            return 0;
        });
    }
}
