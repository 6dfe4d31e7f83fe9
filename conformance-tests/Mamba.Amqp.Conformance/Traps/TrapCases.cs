using Mamba.Amqp.Conformance.Messaging;
using Mamba.Amqp.Conformance.Running;
using Mamba.Amqp.Conformance.Security;
using Mamba.Amqp.Conformance.Transport;
using Mamba.Amqp.Conformance.Wire;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Sasl;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Conformance.Traps;

/// <summary>Interop traps that no other part of the suite shows. COVERAGE.md says which case shows which of the 75.</summary>
public static class TrapCases
{
    [Case("TRAP-07", "trap 7", "XOAUTH2 with a wrong token gets an error challenge, takes one more response, and gives outcome auth",
        Traps = "7")]
    public static async Task OAuth(CaseContext c)
    {
        var (wire, offered) = await SaslCases.OfferAsync(c);
        SaslCases.Need(offered, "XOAUTH2");
        await wire.SendAsync(new SaslInit { Mechanism = "XOAUTH2", InitialResponse = "user=x\u0001auth=Bearer wrong\u0001\u0001"u8.ToArray() });
        await wire.ExpectAsync<SaslChallenge>();
        await wire.SendAsync(new SaslResponse());
        Check.Equal((await wire.ExpectAsync<SaslOutcome>()).Code, SaslCode.Auth);
    }

    [Case("TRAP-12", "trap 12", "A heartbeat of the broker is the eight bytes 00000008 02000000", Traps = "12")]
    public static async Task Heartbeat(CaseContext c)
    {
        var peer = await c.OpenAsync(static open => open.IdleTimeOut = 1000);
        await peer.Wire.ExpectEmptyFrameAsync();
        Check.Equal(peer.Wire.LastEmptyFrame, Raw.EmptyFrame(), "the bytes of the empty frame");
    }

    [Case("TRAP-20", "trap 20", "A pipelined flow without next-incoming-id and delivery-count, as AMQPNetLite sends it, gives credit",
        Traps = "20")]
    public static async Task NetLiteFlow(CaseContext c)
    {
        var queue = await c.QueueAsync();
        var session = await c.BeginAsync();
        await (await session.SendToAsync(queue)).SendAcceptedAsync("x");
        var wire = session.Wire;
        var attach = session.NewAttach(Role.Receiver, new Target(), new Source { Address = queue });
        await wire.SendTogetherAsync(
            (0, attach),
            (0, new Flow { IncomingWindow = 2048, NextOutgoingId = session.NextOutgoingId, OutgoingWindow = 2048, Handle = attach.Handle, LinkCredit = 200 }));
        await session.ExpectAsync<Attach>(a => a.Name == attach.Name);
        await session.ExpectAsync<Transfer>();
    }

    [Case("TRAP-21", "trap 21", "Frames that crossed the broker's detach do not end the session", Traps = "21")]
    public static async Task Crossing(CaseContext c)
    {
        var session = await c.BeginAsync();
        var sender = await session.SendToAsync(await c.QueueAsync());
        await sender.NeedCreditAsync();
        byte[] bad = [0x00, 0x53, 0x70, 0x40, 0xff, 0xff];
        var one = sender.NewTransfer(settled: true);
        var two = sender.NewTransfer(settled: true) with { DeliveryId = one.DeliveryId + 1 };
        await session.Wire.SendBytesAsync(
            [.. Raw.Frame(one, 0, bad), .. Raw.Frame(two, 0, AmqpMessage.FromValue("x").Encode())], "[0] a broken transfer and a good one behind it");
        session.NextOutgoingId += 2;
        try
        {
            await session.ExpectAsync<Detach>();
        }
        catch (Exception e) when (e is CheckFailedException or UnexpectedFrameException)
        {
            throw CaseContext.NotApplicable("the broker ends no link for a broken message (LINK-16), so there is none to try this on");
        }

        await session.SendAsync(new Detach { Handle = sender.Handle, Closed = true });
        await session.FenceAsync();
    }

    [Case("TRAP-23", "trap 23", "A drain is answered before credit that came right behind it is used", Traps = "23")]
    public static async Task DrainThenCredit(CaseContext c)
    {
        var session = await c.BeginAsync();
        var receiver = await session.ReceiveFromAsync(await c.QueueAsync());
        var flow = session.NewFlow() with { Handle = receiver.Handle, DeliveryCount = 0, LinkCredit = 5 };
        await session.Wire.SendTogetherAsync((0, flow with { Drain = true }), (0, flow with { DeliveryCount = 5, LinkCredit = 3, Echo = true }));
        var first = await receiver.FlowAsync("the end of the drain");
        Check.Equal(first.DeliveryCount, (uint?)5);
        Check.Equal(first.LinkCredit ?? 0, 0u);
        var second = await receiver.FlowAsync("the answer to echo");
        Check.Equal(second.LinkCredit, (uint?)3);
    }

    [Case("TRAP-53", "trap 53", "undeliverable-here is forgotten when the link that said it is gone", Traps = "53")]
    public static async Task UndeliverableForgotten(CaseContext c)
    {
        var session = await c.BeginAsync();
        var receiver = await WindowCases.FilledAsync(c, session, 1);
        await receiver.SettleAsync(await receiver.ReceiveOneAsync(), new Modified { UndeliverableHere = true });
        await receiver.ExpectEmptyAsync();
        await receiver.DetachAsync();
        var again = await session.ReceiveFromAsync(receiver.Local.Source!.Address, a => a.Name = receiver.Local.Name);
        Check.Equal((await again.TakeAsync()).Value, "0.........");
    }

    [Case("TRAP-56", "trap 56", "A message that can never be taken is answered rejected, or its link ends; it is not modified or released",
        Traps = "56")]
    public static async Task IsRejected(CaseContext c)
    {
        var session = await c.BeginAsync();
        var sender = await session.SendToAsync(await c.QueueAsync());
        var id = await sender.SendAsync([0x00, 0x53, 0x77, 0xa1, 200, (byte)'x']);
        while (true)
        {
            var frame = Check.Present(await session.Wire.NextAsync("a refusal"), "a refusal");
            if (frame.Body is not Flow)
            {
                Check.That(frame.Body is Disposition { State: Rejected } or Detach { Error: not null }, $"rejected for delivery {id}, or a detach, and {frame.Body} came");
                return;
            }
        }
    }

    [Case("TRAP-65", "trap 65", "Ranges of the broker's dispositions do not wrap past 2^32", Traps = "65")]
    public static async Task NoWrap(CaseContext c)
    {
        var session = await c.BeginAsync();
        session.NextDeliveryId = uint.MaxValue - 3;
        var sender = await session.SendToAsync(await c.QueueAsync());
        await sender.NeedCreditAsync();
        List<byte> together = [];
        for (var i = 0; i < 8; i++)
        {
            together.AddRange(Raw.Frame(sender.NewTransfer(), 0, AmqpMessage.FromValue($"{i}").Encode()));
            session.NextOutgoingId++;
            sender.Count();
        }

        await session.Wire.SendBytesAsync([.. together], "[0] eight transfers across the wrap of delivery-id");
        for (uint settled = 0; settled < 8;)
        {
            var disposition = await session.ExpectAsync<Disposition>(static d => d.Role == Role.Receiver);
            Check.That(disposition.LastOrFirst >= disposition.First, $"a range that does not wrap, and it is {disposition.First} to {disposition.Last}");
            settled += disposition.LastOrFirst - disposition.First + 1;
        }
    }

    [Case("TRAP-68", "trap 68", "The broker neither splits nor joins data sections", Traps = "68")]
    public static async Task OneDataSection(CaseContext c)
    {
        var session = await c.BeginAsync(static open => open.MaxFrameSize = 1024);
        var queue = await c.QueueAsync();
        var sender = await session.SendToAsync(queue);
        var payload = AmqpMessage.FromData(new byte[20_000]).Encode();
        Check.Is<Accepted>(await sender.OutcomeAsync(await sender.SendInPartsAsync([.. payload.Chunk(5_000)])));
        var delivery = await (await session.ReceiveFromAsync(queue)).TakeAsync();
        Check.Equal(Check.Is<DataBody>(delivery.Message.Body, "the body").Sections.Count, 1, "the number of data sections");
        Check.Equal(delivery.Message.Data?.Length, 20_000);
    }

    [Case("TRAP-70", "trap 70", "absolute-expiry-time is forwarded as it is", Traps = "70")]
    public static async Task ExpiryKept(CaseContext c)
    {
        var message = AmqpMessage.FromValue("x");
        message.Header = MessageHeader.Default with { Ttl = 600_000 };
        message.Properties = new MessageProperties { AbsoluteExpiryTime = new Timestamp(4_102_444_800_000) };
        var delivery = await SectionCases.SendAndTakeAsync(c, message.Encode());
        Check.Equal(delivery.Message.Properties?.AbsoluteExpiryTime, new Timestamp(4_102_444_800_000));
    }

    [Case("TRAP-72", "trap 72", "user-id is forwarded as it was sent, or the message is rejected; it is not replaced", Traps = "72")]
    public static async Task UserId(CaseContext c)
    {
        var session = await c.BeginAsync();
        var queue = await c.QueueAsync();
        var message = AmqpMessage.FromValue("x");
        message.Properties = new MessageProperties { UserId = "somebody-else"u8.ToArray() };
        var sender = await session.SendToAsync(queue);
        var id = await sender.SendAsync(message);
        try
        {
            if (await sender.OutcomeAsync(id) is not Accepted)
            {
                return;
            }
        }
        catch (UnexpectedFrameException e)
        {
            Check.Condition(e.Error);
            return;
        }

        Check.Equal((await (await session.ReceiveFromAsync(queue)).TakeAsync()).Message.Properties?.UserId, "somebody-else"u8.ToArray(), "user-id");
    }

    [Case("TRAP-75", "trap 75", "An idle link is left alone (watched for one second)", Traps = "75")]
    public static async Task IdleLink(CaseContext c)
    {
        var session = await c.BeginAsync();
        var receiver = await session.ReceiveFromAsync(await c.QueueAsync());
        await receiver.CreditAsync(1);
        await session.Wire.ExpectQuietAsync(static f => f.Body is Detach or End or Close, TimeSpan.FromSeconds(1));
    }
}
