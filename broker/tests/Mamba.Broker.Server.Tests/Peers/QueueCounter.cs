using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;

namespace Mamba.Broker.Server.Tests.Peers;

/// <summary>Empties a queue and tells what was on it.</summary>
internal static class QueueCounter
{
    private const uint Handle = 200;

    public static async Task<int> TakeAllAsync(RawPeer peer, string queue, int atLeast) => (await DrainAsync(peer, queue, atLeast)).Count;

    /// <summary>Takes at least so many messages, waiting for them, and then whatever else there is; all are accepted.</summary>
    public static async Task<List<ReceivedMessage>> DrainAsync(RawPeer peer, string queue, int atLeast)
    {
        await peer.SendAsync(Frames.Receiver(Handle, queue));
        await peer.NextAsync<Attach>();
        var taken = new List<ReceivedMessage>();
        if (atLeast > 0)
        {
            await peer.SendAsync(Frames.Credit(Handle, (uint)atLeast));
            await TakeAsync(peer, taken, atLeast);
        }

        await peer.SendAsync(Frames.Credit(Handle, 1_000, (uint)taken.Count, drain: true));
        while (await NextAsync(peer) is { } message)
        {
            taken.Add(message);
            await peer.SendAsync(Frames.Settle(message.DeliveryId, Accepted.Instance));
        }

        await peer.SendAsync(Frames.Detach(Handle));
        await peer.NextAsync<Detach>();
        return taken;
    }

    private static async Task TakeAsync(RawPeer peer, List<ReceivedMessage> taken, int count)
    {
        for (var i = 0; i < count; i++)
        {
            var message = await peer.ReceiveAsync();
            taken.Add(message);
            await peer.SendAsync(Frames.Settle(message.DeliveryId, Accepted.Instance));
        }
    }

    /// <summary>The next message while draining, or null when the drain is answered.</summary>
    private static async Task<ReceivedMessage?> NextAsync(RawPeer peer)
    {
        while (true)
        {
            var frame = await peer.TryNextAsync() ?? throw new InvalidOperationException("the stream ended while draining");
            switch (frame.Performative)
            {
                case Transfer transfer:
                    return new ReceivedMessage(transfer.DeliveryId!.Value, transfer.Handle, AmqpMessage.Decode(frame.Payload));
                case Flow { Drain: true, LinkCredit: 0 }:
                    return null;
                case Flow:
                    break;
                default:
                    throw new InvalidOperationException($"something else came while draining. Trace:\n{peer.Trace}");
            }
        }
    }
}
