using System.Globalization;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Limits;

/// <summary>A receiver with much credit behind a small session window keeps nothing from others that it cannot be sent.</summary>
[TestFixture]
internal sealed class WindowTests : RunningBroker
{
    [Test]
    public async Task What_the_window_does_not_let_through_is_for_others()
    {
        await using var narrow = await RawPeer.OpenAsync(Endpoint);
        await narrow.SendAsync(Frames.Of(new Begin { IncomingWindow = 3, OutgoingWindow = 10 }), Frames.Receiver(0, "narrow"), Flow(0, window: 3));
        await narrow.NextAsync<Begin>();
        await narrow.NextAsync<Attach>();
        await Filler.FillAsync(Endpoint, "narrow", 20, static i => Frames.Message(i.ToString(CultureInfo.InvariantCulture)));
        for (var i = 0; i < 3; i++)
        {
            await narrow.ReceiveAsync();
        }

        Assert.That(await TakeAllAsync("narrow", 10), Is.EqualTo(17));
    }

    [Test]
    public async Task A_drain_behind_a_shut_window_is_answered_when_the_messages_have_come_through()
    {
        await Filler.FillAsync(Endpoint, "shut", 5, static i => Frames.Message(i.ToString(CultureInfo.InvariantCulture)));
        await using var peer = await RawPeer.OpenAsync(Endpoint);
        await peer.SendAsync(Frames.Of(new Begin { IncomingWindow = 2, OutgoingWindow = 10 }), Frames.Receiver(0, "shut"));
        await peer.NextAsync<Begin>();
        await peer.NextAsync<Attach>();
        await peer.SendAsync(Flow(0, window: 2, drain: true));
        for (uint i = 0; i < 5; i++)
        {
            // Exactly a message: no answer to the drain comes between.
            Assert.That((await peer.TryNextAsync())?.Performative, Is.InstanceOf<Transfer>().With.Property(nameof(Transfer.DeliveryId)).EqualTo(i));
            await peer.SendAsync(Frames.Settle(i, Accepted.Instance));
            if (i % 2 == 1)
            {
                await peer.SendAsync(Frames.Of(new Flow { NextIncomingId = i + 1, IncomingWindow = 2, NextOutgoingId = 0, OutgoingWindow = 10 }));
            }
        }

        var flow = (Flow)(await peer.TryNextAsync())!.Performative!;
        Assert.That((flow.Drain, flow.LinkCredit), Is.EqualTo((true, 0u)));
        await peer.CloseAsync();
    }

    private static byte[] Flow(uint received, uint window, bool drain = false) => Frames.Of(new Flow
    {
        NextIncomingId = received,
        IncomingWindow = window,
        NextOutgoingId = 0,
        OutgoingWindow = 10,
        Handle = 0,
        DeliveryCount = received,
        LinkCredit = 1_000,
        Drain = drain,
    });
}
