using Mamba.Amqp.Codec;
using Mamba.Broker.Engine;
using Mamba.Broker.Server.Messages;

namespace Mamba.Broker.Server.Dialects.ServiceBus;

/// <summary>Looks at the messages of an entity that a receiver could get now, in the order of their numbers.</summary>
internal sealed class EntityPeek(EntitySource source, TimeProvider time) : ISubscriber
{
    private const int PullSize = 64;

    /// <summary>Bytes after which a response gets no more messages.</summary>
    private const int MaxBytes = 1024 * 1024;

    private readonly List<(ulong Number, byte[] Bytes)> _found = [];
    private long _bytes;

    /// <summary>Messages from a number on, whole. Any thread.</summary>
    public List<byte[]> Read(ulong from, int count)
    {
        if (source.Browse(this) is not { } browser)
        {
            return [];
        }

        try
        {
            Read(browser, from, count);
        }
        finally
        {
            browser.Close(SettleOnClose.Released);
        }

        _found.Sort(static (left, right) => left.Number.CompareTo(right.Number));
        return _found.ConvertAll(static message => message.Bytes);
    }

    void ISubscriber.OnReady()
    {
        // It looks at what is there now.
    }

    void ISubscriber.OnNodeDeleted()
    {
        // Then there is nothing.
    }

    private void Read(ISubscription browser, ulong from, int count)
    {
        var pulled = new AcquiredMessage[PullSize];
        int taken;
        while (!IsEnough(count) && ((taken = browser.Acquire(pulled)) > 0 || browser.IsLooking))
        {
            foreach (ref var message in pulled.AsSpan(0, taken))
            {
                if (message.MessageId >= from && !IsEnough(count))
                {
                    Add(browser, message);
                }

                message.Message?.Release();
                message.Message = null;
            }
        }
    }

    private bool IsEnough(int count) => _found.Count >= count || _bytes >= MaxBytes;

    private void Add(ISubscription browser, in AcquiredMessage message)
    {
        var loaded = message.Message is null ? browser.LoadBody(message) : null;
        if ((message.Message ?? loaded) is not { } stored)
        {
            return; // consumed meanwhile
        }

        using var output = new ByteBuffer();
        MessageEgress.WriteHeader(output, message, time.GetUtcNow().ToUnixTimeMilliseconds());
        output.Write(stored.Span[EntityMessage.Write(output, message.MessageId, stored, lockedUntil: 0)..]);
        loaded?.Release();
        _found.Add((message.MessageId, output.ToArray()));
        _bytes += output.Length;
    }
}
