using System.Globalization;
using Mamba.Amqp.Transport;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Links;

/// <summary>
/// A consumer that has credit and cannot be written to, because it does not read or has closed its session's window: what it was sent
/// is its own, but what is on the queue is for whoever can take it.
/// </summary>
[TestFixture]
internal sealed class StalledConsumerTests() : RunningBroker("limits.stalledPeerTimeout=10 min")
{
    private const uint Window = 10;
    private const int FramesOfOne = 2;
    private const int Sent = (int)Window / FramesOfOne;
    private const int Pulled = Sent + 3;

    [Test]
    public async Task Who_does_not_read_is_not_waited_for()
    {
        const int count = 24;
        await using var sender = await SenderAsync("unread");
        for (var i = 0u; i < count; i++)
        {
            await PublishLargeAsync(sender, i);
        }

        await using var stalled = await RawPeer.BeginAsync(Endpoint, receiveBuffer: 8 * 1024);
        await stalled.AttachReceiverAsync(0, "unread", credit: 1_000);
        await stalled.ReceiveAsync(); // It has them all now: far more than the network takes off the broker's hands.

        await AssertOtherGetsAsync("unread", sender, count);
    }

    [Test]
    public async Task Who_closed_its_window_is_not_waited_for()
    {
        await using var sender = await SenderAsync("narrow");
        await using var stalled = await StallAsync("narrow", sender);
        await AssertOtherGetsAsync("narrow", sender, Pulled);
    }

    [Test]
    public async Task Who_takes_its_credit_back_leaves_what_was_not_sent_to_others_in_order()
    {
        await using var sender = await SenderAsync("revoked");
        await using var stalled = await StallAsync("revoked", sender);
        await using var other = await RawPeer.BeginAsync(Endpoint);
        await other.AttachReceiverAsync(0, "revoked", credit: 10);
        await stalled.SendAsync(Credit(nextIncomingId: Window, window: 1_000, credit: 0, deliveryCount: Sent));
        for (var i = Sent; i < Pulled; i++)
        {
            var message = await other.ReceiveAsync();
            Assert.That(message.Body, Does.StartWith(Number(i)));
            Assert.That(message.Header.DeliveryCount, Is.Zero);
        }

        // The link is as good as before.
        await sender.PublishAsync(0, Pulled, Frames.Message("more"));
        Assert.That((await other.ReceiveAsync()).Body, Is.EqualTo("more"));
        await other.CloseAsync();
        await stalled.SendAsync(Credit(nextIncomingId: Window, window: 1_000, credit: 10, deliveryCount: Sent));
        Assert.That((await stalled.ReceiveAsync()).Body, Does.StartWith(Number(Sent)));
    }

    private async Task<RawPeer> SenderAsync(string queue)
    {
        var sender = await RawPeer.BeginAsync(Endpoint);
        await sender.AttachSenderAsync(0, queue);
        return sender;
    }

    /// <summary>A message of half a mebibyte, in frames that the broker takes.</summary>
    private static async Task PublishLargeAsync(RawPeer sender, uint id)
    {
        var parts = Frames.Message(new string('x', 512 * 1024)).Chunk(32 * 1024).ToArray();
        await sender.SendAsync(Frames.Transfer(0, id, parts[0], more: true));
        for (var i = 1; i < parts.Length; i++)
        {
            await sender.SendAsync(Frames.Continuation(0, parts[i], more: i < parts.Length - 1));
        }

        await sender.NextAsync<Disposition>();
    }

    /// <summary>Another consumer gets what is sent from now on.</summary>
    private async Task AssertOtherGetsAsync(string queue, RawPeer sender, uint id)
    {
        await using var other = await RawPeer.BeginAsync(Endpoint);
        await other.AttachReceiverAsync(0, queue, credit: 1);
        await sender.PublishAsync(0, id, Frames.Message("for whoever is there"));
        Assert.That((await other.ReceiveAsync()).Body, Is.EqualTo("for whoever is there"));
    }

    /// <summary>A consumer that the broker has chosen messages for, of which the window lets it send some only.</summary>
    private async Task<RawPeer> StallAsync(string queue, RawPeer sender)
    {
        for (var i = 0; i < Pulled; i++)
        {
            await sender.PublishAsync(0, (uint)i, Frames.Message(Number(i) + new string('x', 700)));
        }

        var stalled = await RawPeer.ConnectAsync(Endpoint);
        await stalled.SendAsync(
            Frames.AmqpHeader,
            Frames.Of(new Open { ContainerId = $"stalled-{queue}", MaxFrameSize = 512 }),
            Frames.Of(new Begin { NextOutgoingId = 0, IncomingWindow = Window, OutgoingWindow = 100 }),
            Frames.Receiver(0, queue),
            Credit(nextIncomingId: 0, Window, credit: Window, deliveryCount: 0));
        await stalled.ReadHeaderAsync(Frames.AmqpHeader);
        await stalled.NextAsync<Open>();
        await stalled.NextAsync<Begin>();
        await stalled.NextAsync<Attach>();
        for (var i = 0; i < Sent; i++)
        {
            Assert.That((await stalled.ReceiveAsync()).Body, Does.StartWith(Number(i)));
        }

        return stalled;
    }

    private static byte[] Credit(uint nextIncomingId, uint window, uint credit, uint deliveryCount) => Frames.Of(new Flow
    {
        NextIncomingId = nextIncomingId,
        IncomingWindow = window,
        NextOutgoingId = 0,
        OutgoingWindow = 100,
        Handle = 0,
        DeliveryCount = deliveryCount,
        LinkCredit = credit,
    });

    private static string Number(int i) => i.ToString(CultureInfo.InvariantCulture);
}
