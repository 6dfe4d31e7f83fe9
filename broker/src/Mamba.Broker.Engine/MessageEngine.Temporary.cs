namespace Mamba.Broker.Engine;

/// <content>Temporary nodes whose owner is away for a while.</content>
public sealed partial class MessageEngine
{
    /// <summary>
    /// Nobody is there to consume from the owner's temporary queues: until <see cref="TransferOwner"/> each takes messages only while
    /// it holds fewer bytes than this, and refuses them beyond (<see cref="PublishOutcome.RejectedFull"/>).
    /// </summary>
    /// <param name="owner">See <see cref="CreateTemporaryAsync"/>.</param>
    /// <param name="maxBytes">Bytes of messages, 1 or more.</param>
    public void LeaveUnattended(object owner, long maxBytes)
    {
        ArgumentNullException.ThrowIfNull(owner);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxBytes, 1);
        lock (_temporaryGate)
        {
            SetUnattended(owner, maxBytes);
        }
    }

    /// <summary>Gives the temporary nodes of one owner to another, whose <see cref="CloseOwner"/> ends them from now on.</summary>
    /// <returns>False when the first has none: they are deleted, or its own <see cref="CloseOwner"/> came before.</returns>
    public bool TransferOwner(object from, object to)
    {
        ArgumentNullException.ThrowIfNull(from);
        ArgumentNullException.ThrowIfNull(to);
        lock (_temporaryGate)
        {
            SetUnattended(from, 0);
            if (!_temporaryByOwner.Remove(from, out var owned))
            {
                return false;
            }

            foreach (var node in owned)
            {
                LifetimeOf(node)!.Owner = to;
            }

            if (_temporaryByOwner.TryGetValue(to, out var already))
            {
                already.AddRange(owned);
            }
            else
            {
                _temporaryByOwner[to] = owned;
            }

            return owned.Count > 0;
        }
    }

    private void SetUnattended(object owner, long maxBytes)
    {
        foreach (var node in _temporaryByOwner.GetValueOrDefault(owner) ?? [])
        {
            (node as QueueNode)?.SetUnattended(maxBytes);
        }
    }
}
