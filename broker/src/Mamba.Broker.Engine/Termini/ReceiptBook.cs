using System.Collections.Concurrent;

namespace Mamba.Broker.Engine;

/// <summary>
/// The delivery-tags that came in on a durable terminus and that the sender has not settled: each is a small message on a queue that
/// belongs to the terminus, so that it is stored in one record with the message it is about, and outlives a restart and compaction
/// like any other. Thread-safe.
/// </summary>
public sealed class ReceiptBook : ISubscriber
{
    private const int TakeAtOnce = 64;

    private readonly QueueHost _host;
    private readonly ConcurrentQueue<string> _forgotten = new();

    // The rest is for whoever has set the flag: no lock, as the queue's own is taken meanwhile.
    private readonly Dictionary<string, long> _tokens = new(StringComparer.Ordinal);
    private readonly List<Settlement> _settled = [];
    private readonly AcquiredMessage[] _taken = new AcquiredMessage[TakeAtOnce];
    private ISubscription? _subscription;
    private int _busy;

    internal ReceiptBook(EngineContext context, uint terminus)
    {
        _host = new QueueHost(context, terminus, new QueueNaming($"terminus {terminus}", $"terminus {terminus}", null), new NodeOptions { Durable = true });
        context.Hosts[terminus] = _host;
    }

    internal QueueHost Host => _host;

    /// <summary>Enlists a message and its tag, to be stored together: both are, or none. Limits of transactions do not apply.</summary>
    /// <param name="work">A unit of work for these alone.</param>
    /// <param name="node">Where the message goes.</param>
    /// <param name="message">The message; one reference on it is taken over.</param>
    /// <param name="id">The message's id where duplicates are left out, or none.</param>
    /// <param name="tag">The delivery-tag, up to 32 bytes.</param>
    /// <returns>Anything but Accepted: nothing is enlisted.</returns>
    public PublishOutcome Publish(UnitOfWork work, IMessageNode node, StoredMessage message, DuplicateId id, ReadOnlySpan<byte> tag)
    {
        ArgumentNullException.ThrowIfNull(work);
        ArgumentNullException.ThrowIfNull(message);
        var durable = message.Durable;
        var outcome = work.AddOnce(node, message, id);
        if (outcome != PublishOutcome.Accepted)
        {
            return outcome;
        }

        var receipt = StoredMessage.Rent(tag.Length);
        tag.CopyTo(receipt.Buffer);
        receipt.Durable = durable;
        return work.AddEnvelope(_host, node, receipt, reserve: false);
    }

    /// <summary>The sender has settled: the tag, which is stored, is removed by the next <see cref="Flush"/>. Unknown ones are ignored.</summary>
    public void Forget(ReadOnlySpan<byte> tag) => _forgotten.Enqueue(KeyOf(tag));

    /// <summary>Removes what was forgotten; one record for all, which nobody waits for.</summary>
    public void Flush()
    {
        while (!_forgotten.IsEmpty && Interlocked.Exchange(ref _busy, 1) == 0)
        {
            try
            {
                RemoveForgotten();
            }
            finally
            {
                // What came since is seen by the next look at the queue, here or by who put it there.
                Volatile.Write(ref _busy, 0);
            }
        }
    }

    /// <summary>All tags there are; after a restart, before any is added or forgotten.</summary>
    /// <exception cref="EngineException">A tag cannot be read back from the journal.</exception>
    public List<byte[]> List()
    {
        Take();
        var tags = new List<byte[]>(_tokens.Count);
        foreach (var key in _tokens.Keys)
        {
            tags.Add(Convert.FromHexString(key));
        }

        return tags;
    }

    void ISubscriber.OnReady()
    {
        // Tags are looked for when one is to be forgotten.
    }

    void ISubscriber.OnNodeDeleted()
    {
        // The terminus is no more, and what is said about it finds nothing.
    }

    private static string KeyOf(ReadOnlySpan<byte> tag) => Convert.ToHexStringLower(tag);

    private void RemoveForgotten()
    {
        while (_forgotten.TryDequeue(out var key))
        {
            if (!_tokens.ContainsKey(key))
            {
                Take();
            }

            if (_tokens.Remove(key, out var token))
            {
                _settled.Add(Settlement.Accept(token));
            }
        }

        _subscription?.Settle(_settled.ToArray(), observer: null);
        _settled.Clear();
    }

    /// <summary>Learns the tokens of the tags that were stored since the last time.</summary>
    private void Take()
    {
        _subscription ??= _host.Subscribe(new SubscribeOptions(), this);
        for (int count; (count = _subscription.Acquire(_taken)) > 0;)
        {
            foreach (ref var taken in _taken.AsSpan(0, count))
            {
                if (_subscription.LoadBody(taken) is { } receipt)
                {
                    _tokens[KeyOf(receipt.Span)] = taken.Token;
                    receipt.Release();
                }

                taken.Message?.Release();
                taken.Message = null;
            }
        }
    }
}
