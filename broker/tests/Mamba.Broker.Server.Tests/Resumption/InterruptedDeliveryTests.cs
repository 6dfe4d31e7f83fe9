using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transactions;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Resumption;

/// <summary>Messages of several transfers that are cut in the middle, and deliveries that a suspended link was in the middle of.</summary>
[TestFixture]
internal sealed class InterruptedDeliveryTests : RunningBroker
{
    private const int FrameSize = 512;

    private static readonly byte[] Tag = [7];

    /// <summary>What has arrived is not sent again, though the header, which counts as the first section, is written anew each time.</summary>
    [Test]
    public async Task A_message_goes_on_where_the_receiver_wants_it([Values] bool durable, [Values(1, 3, 9)] int frames)
    {
        var queue = $"goes.on.{durable}.{frames}";
        var (tag, beginning) = await ReceivePartAsync(queue, durable, frames);
        var position = MessagePosition.After(beginning);
        var (transfer, rest) = await ResumeAsync(queue, tag, position);
        var stated = (Received)transfer.State!;
        Assert.That((stated.SectionNumber, stated.SectionOffset), Is.EqualTo((position.SectionNumber, position.SectionOffset)));
        Assert.That(AmqpMessage.Decode([.. beginning, .. rest]).Value, Is.EqualTo(Text));
    }

    [TestCase(0u, 3ul)]
    [TestCase(1u, 9_999_999ul)]
    [TestCase(50u, 0ul)]
    public async Task A_position_it_cannot_go_on_from_gets_all_of_it(uint section, ulong offset)
    {
        var queue = $"all.of.it.{section}";
        var (tag, _) = await ReceivePartAsync(queue, durable: true, frames: 2);
        var (transfer, whole) = await ResumeAsync(queue, tag, new Received { SectionNumber = section, SectionOffset = offset });
        Assert.That(transfer.State, Is.InstanceOf<Received>());
        Assert.That((((Received)transfer.State!).SectionNumber, ((Received)transfer.State).SectionOffset), Is.EqualTo((0u, 0ul)));
        Assert.That(AmqpMessage.Decode(whole).Value, Is.EqualTo(Text));
    }

    /// <summary>A transfer that goes on states a position in place of its transaction: the rest would be stored outside of it.</summary>
    [Test]
    public async Task An_incomplete_message_of_a_transaction_is_not_kept()
    {
        const string Queue = "incomplete.transactional";
        await using (var peer = await RawPeer.BeginAsync(Endpoint, Queue))
        {
            await peer.AttachOnceSenderAsync(0, Queue);
            await peer.AttachCoordinatorAsync(1);
            var transaction = await peer.DeclareAsync(1, 0);
            await peer.SendAsync(Tagged(1, Frames.Message("cut"), more: true, state: new TransactionalState { TxnId = transaction }));
            await peer.SuspendAsync(0);
        }

        await using var again = await RawPeer.BeginAsync(Endpoint, Queue);
        Assert.That(await again.AttachOnceSenderAsync(0, Queue, OncePeer.Map(Tag, null)), Is.Empty);
    }

    /// <summary>The tags of what a transaction sends are not remembered: sent once more in it, a message would be there twice.</summary>
    [Test]
    public async Task A_transaction_is_not_committed_after_a_link_that_sent_in_it_was_suspended()
    {
        const string Queue = "suspended.in.transaction";
        await using var peer = await RawPeer.BeginAsync(Endpoint, Queue);
        await peer.AttachOnceSenderAsync(0, Queue);
        await peer.AttachCoordinatorAsync(1);
        var transaction = await peer.DeclareAsync(1, 0);
        var state = new TransactionalState { TxnId = transaction };
        await peer.SendAsync(Tagged(1, Frames.Message("once", durable: true), state: state));
        await peer.NextAsync<Disposition>();
        await peer.SuspendAsync(0);
        Assert.That(await peer.AttachOnceSenderAsync(0, Queue, OncePeer.Map(Tag, state)), Is.Empty);
        await peer.SendAsync(Tagged(2, Frames.Message("once", durable: true), state: state));
        await peer.NextAsync<Disposition>();
        Assert.That((await peer.CommitAsync(1, 3, transaction) as Rejected)?.Error?.Condition, Is.EqualTo(ErrorCondition.TransactionRollback));
        Assert.That(await TakeAllAsync(Queue, atLeast: 0), Is.Zero);
        await peer.SendAsync(Frames.Detach(0));
        await peer.NextAsync<Detach>();
    }

    [Test]
    public async Task A_tag_that_is_used_again_before_its_delivery_is_settled_loses_no_message()
    {
        const string Queue = "tag.again";
        await using var peer = await RawPeer.BeginAsync(Endpoint, Queue);
        await peer.AttachOnceSenderAsync(0, Queue);
        await peer.SendAsync(Tagged(0, Frames.Message("one", durable: true)));
        Assert.That((await peer.NextAsync<Disposition>()).State, Is.TypeOf<Accepted>());
        await peer.SendAsync(Tagged(1, Frames.Message("another", durable: true)));
        Assert.That((await peer.NextAsync<Detach>()).Error?.Condition, Is.EqualTo(ErrorCondition.InvalidField));
        await peer.SendAsync(Frames.Detach(0));
        Assert.That(await peer.AttachOnceSenderAsync(0, Queue, []), Is.Empty, "nothing of the first is remembered once the sender does not know it");
        Assert.That(await peer.PublishAsync(0, 2, Frames.Message("another", durable: true)), Is.TypeOf<Accepted>());
        Assert.That(await TakeAllAsync(Queue, atLeast: 2), Is.EqualTo(2));
        await peer.SendAsync(Frames.Detach(0));
        await peer.NextAsync<Detach>();
    }

    /// <summary>An outcome of the map is stored first: until then it is not true that there is nothing to send.</summary>
    [Test]
    public async Task A_drain_is_answered_after_what_is_resumed()
    {
        const string Queue = "drained.resumption";
        byte[] tag;
        await using (var peer = await FilledAsync(Queue, "short", durable: true))
        {
            await peer.SendAsync(OncePeer.Receiver(0, Queue));
            await peer.NextAsync<Attach>();
            await peer.SendAsync(Frames.Credit(0, 1));
            tag = ((Transfer)(await peer.NextFrameAsync<Transfer>()).Performative!).DeliveryTag!.Value.ToArray();
        }

        await using var again = await RawPeer.BeginAsync(Endpoint, Queue);
        await again.SendAsync(OncePeer.Receiver(0, Queue, OncePeer.Map(tag, Accepted.Instance)), Frames.Credit(0, 5, deliveryCount: null, drain: true));
        await again.NextAsync<Attach>();
        var first = (await again.TryNextAsync())!.Performative;
        Assert.That(first is Transfer { Resume: true, Settled: true, State: Accepted }, Is.True, () => again.Trace);
        var drained = (Flow)(await again.NextFrameAsync<Flow>()).Performative!;
        Assert.That((drained.Drain, drained.LinkCredit), Is.EqualTo((true, 0u)));
        await again.SendAsync(Frames.Detach(0));
        await again.NextAsync<Detach>();
    }

    private static readonly string Text = string.Concat(Enumerable.Range(0, 1_200).Select(static i => $"{i} "));

    private static byte[] Tagged(uint id, byte[] payload, bool more = false, DeliveryState? state = null) => Frames.Of(
        new Transfer { Handle = 0, DeliveryId = id, DeliveryTag = new DeliveryTag(Tag), MessageFormat = 0, More = more, State = state }, payload: payload);

    private async Task<RawPeer> FilledAsync(string queue, string text, bool durable)
    {
        var peer = await RawPeer.BeginAsync(Endpoint, queue);
        await peer.AttachSenderAsync(7, queue);
        await peer.PublishAsync(7, 0, Message(text, durable));
        await peer.SendAsync(Frames.Detach(7));
        await peer.NextAsync<Detach>();
        return peer;
    }

    private static byte[] Message(string text, bool durable) => new AmqpMessage
    {
        Header = MessageHeader.Default with { Durable = durable },
        MessageAnnotations = new AmqpMap { { new Symbol("x-opt-a"), "b" } },
        Properties = new MessageProperties { MessageId = "1" },
        ApplicationProperties = new AmqpMap { { "key", "value" } },
        Body = new ValueBody(text),
    }.Encode();

    /// <summary>Takes so many frames of a message and loses the connection.</summary>
    private async Task<(byte[] Tag, byte[] Beginning)> ReceivePartAsync(string queue, bool durable, int frames)
    {
        await (await FilledAsync(queue, Text, durable)).DisposeAsync();
        await using var peer = await RawPeer.ConnectAsync(Endpoint);
        await peer.SendAsync(
            Frames.AmqpHeader,
            Frames.Of(new Open { ContainerId = queue, MaxFrameSize = FrameSize }),
            Frames.Of(new Begin { NextOutgoingId = 0, IncomingWindow = (uint)frames, OutgoingWindow = 100 }),
            OncePeer.Receiver(0, queue));
        await peer.ReadHeaderAsync(Frames.AmqpHeader);
        await peer.NextAsync<Open>();
        await peer.NextAsync<Begin>();
        await peer.NextAsync<Attach>();
        await peer.SendAsync(Frames.Of(new Flow
        {
            NextIncomingId = 0, IncomingWindow = (uint)frames, NextOutgoingId = 0, OutgoingWindow = 100, Handle = 0, DeliveryCount = 0, LinkCredit = 1,
        }));
        List<byte> beginning = [];
        byte[] tag = [];
        for (var i = 0; i < frames; i++)
        {
            var frame = await peer.NextFrameAsync<Transfer>();
            Assert.That(((Transfer)frame.Performative!).More, Is.True);
            tag = i == 0 ? ((Transfer)frame.Performative).DeliveryTag!.Value.ToArray() : tag;
            beginning.AddRange(frame.Payload);
        }

        peer.Reset();
        return (tag, [.. beginning]);
    }

    private async Task<(Transfer First, byte[] Payload)> ResumeAsync(string queue, byte[] tag, Received position)
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint, queue);
        await peer.SendAsync(OncePeer.Receiver(0, queue, OncePeer.Map(tag, position)));
        await peer.NextAsync<Attach>();
        await peer.SendAsync(Frames.Credit(0, 1));
        var frame = await peer.NextFrameAsync<Transfer>();
        var first = (Transfer)frame.Performative!;
        List<byte> payload = [.. frame.Payload];
        while (((Transfer)frame.Performative!).More)
        {
            frame = await peer.NextFrameAsync<Transfer>();
            payload.AddRange(frame.Payload);
        }

        Assert.That(first.Resume, Is.True);
        await peer.SendAsync(Frames.Settle(first.DeliveryId!.Value, Accepted.Instance));
        await peer.SendAsync(Frames.Detach(0));
        await peer.NextAsync<Detach>();
        return (first, [.. payload]);
    }
}
