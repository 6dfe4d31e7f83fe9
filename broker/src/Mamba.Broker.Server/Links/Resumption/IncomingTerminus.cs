using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Connections;

namespace Mamba.Broker.Server.Links.Resumption;

/// <summary>
/// Of a link on which we receive: the tags of deliveries that are stored and that the sender has not settled, and what has arrived of
/// one that is not complete. Results of storing come on any thread; the rest is for whoever has the terminus.
/// </summary>
internal sealed class IncomingTerminus(LinkIdentity identity, ResumptionTerms terms) : LinkTerminus(identity, terms)
{
    private readonly Lock _gate = new();

    /// <summary>Whether each is stored, or on its way there.</summary>
    private readonly Dictionary<DeliveryTag, bool> _tags = [];
    private readonly HashSet<DeliveryTag> _settledEarly = [];
    private int _pending;
    private TaskCompletionSource? _quiet;

    /// <summary>The incomplete delivery, or null.</summary>
    public (DeliveryTag Tag, byte[] Bytes)? Partial { get; set; }

    public override long UnsettledCount
    {
        get
        {
            lock (_gate)
            {
                return _tags.Count;
            }
        }
    }

    /// <summary>What became of a tag: null for one that is not known.</summary>
    public bool? IsStored(in DeliveryTag tag)
    {
        lock (_gate)
        {
            return _tags.TryGetValue(tag, out var stored) ? stored : null;
        }
    }

    /// <summary>A delivery is on its way to its queue.</summary>
    public void Begin(in DeliveryTag tag)
    {
        lock (_gate)
        {
            _tags[tag] = false;
            _pending++;
        }
    }

    /// <summary>It is stored, or is not. Any thread.</summary>
    public void Conclude(in DeliveryTag tag, bool stored)
    {
        TaskCompletionSource? quiet = null;
        var settled = false;
        lock (_gate)
        {
            settled = _settledEarly.Remove(tag) && stored;
            if (stored && !settled)
            {
                _tags[tag] = true;
            }
            else
            {
                _tags.Remove(tag);
            }

            if (--_pending == 0)
            {
                (quiet, _quiet) = (_quiet, null);
            }
        }

        if (settled)
        {
            Durable?.Receipts?.Forget(tag.Span);
            Flush();
        }

        quiet?.SetResult();
    }

    /// <summary>Completes when nothing is on its way any more: only then can be said what is unsettled.</summary>
    public Task WhenQuiet()
    {
        lock (_gate)
        {
            return _pending == 0
                ? Task.CompletedTask
                : (_quiet ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }
    }

    /// <summary>Takes over the tags that the journal had.</summary>
    public void Restore(IEnumerable<byte[]> tags)
    {
        foreach (var tag in tags)
        {
            _tags[new DeliveryTag(tag)] = true;
        }
    }

    /// <summary>The sender has settled. In the journal this is so with the next <see cref="Flush"/>.</summary>
    public void Forget(in DeliveryTag tag)
    {
        lock (_gate)
        {
            if (_tags.TryGetValue(tag, out var stored) && !stored)
            {
                // It is on its way: what is not there yet cannot be removed.
                _settledEarly.Add(tag);
                return;
            }

            _tags.Remove(tag);
        }

        Durable?.Receipts?.Forget(tag.Span);
    }

    public void Flush() => Durable?.Receipts?.Flush();

    /// <summary>
    /// The sender's map decides what is still unsettled: what it lacks counts as settled (AMQP 1.0 §2.6.13), if the map is complete.
    /// </summary>
    public void Compare(Dictionary<DeliveryTag, DeliveryState?> sender, bool complete)
    {
        if (!complete)
        {
            return;
        }

        foreach (var tag in Stored())
        {
            if (!sender.ContainsKey(tag))
            {
                Forget(tag);
            }
        }

        Flush();
        if (Partial is { } partial && !sender.ContainsKey(partial.Tag))
        {
            Partial = null;
        }
    }

    /// <summary>The tags that are stored.</summary>
    public List<DeliveryTag> Stored()
    {
        lock (_gate)
        {
            var tags = new List<DeliveryTag>(_tags.Count);
            foreach (var (tag, stored) in _tags)
            {
                if (stored)
                {
                    tags.Add(tag);
                }
            }

            return tags;
        }
    }

    /// <summary>The unsettled map for our attach: stored is accepted, and of an incomplete one the position is said.</summary>
    public AmqpMap Describe()
    {
        var map = new AmqpMap();
        if (Partial is { } partial)
        {
            map.Add(partial.Tag.ToArray(), MessagePosition.After(partial.Bytes));
        }

        foreach (var tag in Stored())
        {
            map[tag.ToArray()] = Accepted.Instance;
        }

        return map;
    }

    public override void Release() => Partial = null;
}
