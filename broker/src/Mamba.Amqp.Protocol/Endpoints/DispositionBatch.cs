using Mamba.Amqp.Messaging;

namespace Mamba.Amqp.Endpoints;

/// <summary>
/// The dispositions of one role of a session that wait to be written: consecutive delivery-ids with the same state become
/// one range. A range never wraps past 2^32 - 1, because peers loop over it with plain integers.
/// </summary>
internal struct DispositionBatch
{
    private bool _settled;
    private DeliveryState? _state;

    /// <summary>Whether anything waits.</summary>
    public bool IsPending { get; private set; }

    /// <summary>The first delivery-id of the range.</summary>
    public uint First { get; private set; }

    /// <summary>The last delivery-id of the range, inclusive; not less than <see cref="First"/>.</summary>
    public uint Last { get; private set; }

    /// <summary>Whether the deliveries are settled.</summary>
    public readonly bool IsSettled => _settled;

    /// <summary>The state all of them have.</summary>
    public readonly DeliveryState? State => _state;

    /// <summary>Adds a range that does not wrap, if it continues what waits.</summary>
    public bool TryExtend(uint first, uint last, DeliveryState? state, bool settled)
    {
        if (!IsPending || _settled != settled || !ReferenceEquals(_state, state))
        {
            return false;
        }

        if (Last != uint.MaxValue && first == Last + 1)
        {
            Last = last;
            return true;
        }

        if (last != uint.MaxValue && last + 1 == First)
        {
            First = first;
            return true;
        }

        return false;
    }

    /// <summary>Begins a new range; nothing may be waiting.</summary>
    public void Start(uint first, uint last, DeliveryState? state, bool settled)
    {
        IsPending = true;
        First = first;
        Last = last;
        _state = state;
        _settled = settled;
    }

    /// <summary>Forgets what waits.</summary>
    public void Clear() => this = default;
}
