using Mamba.Amqp.Conformance.Running;
using Mamba.Amqp.Conformance.Wire;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Conformance.Transport;

/// <summary>Transfers from the client: settlement, several frames, aborting (AMQP 1.0 §2.6.12, §2.6.14, §2.7.5).</summary>
public static class TransferCases
{
    [Case("TRANSFER-01", "2.7.5", "With rcv-settle-mode first a delivery is settled when it has arrived, with an outcome",
        Covers = "transport.2.7.5-10", Traps = "54")]
    public static async Task Unsettled(CaseContext c)
    {
        var sender = await SenderAsync(c);
        var settlement = await sender.SettlementAsync(await sender.SendAsync("x"));
        Check.Is<Accepted>(settlement.State, "the state");
    }

    [Case("TRANSFER-02", "2.7.5", "A settled delivery gets no disposition, and is there")]
    public static async Task Settled(CaseContext c)
    {
        var (session, sender, receiver) = await PairAsync(c);
        await sender.SendAsync("x", settled: true);
        Check.Equal((await receiver.TakeAsync()).Value, "x");
        await session.Wire.ExpectQuietAsync(static f => f.Body is Disposition { Role: Role.Receiver });
    }

    [Case("TRANSFER-03", "2.7.5", "A transfer that does not say settled is not settled", Covers = "transport.2.7.5-4")]
    public static async Task SettledAbsent(CaseContext c)
    {
        var sender = await SenderAsync(c);
        var id = await sender.SendAsync(AmqpMessage.FromValue("x").Encode(), change: static t => t with { Settled = null });
        Check.Is<Accepted>(await sender.OutcomeAsync(id));
    }

    [Case("TRANSFER-04", "2.6.14", "A message in many frames arrives whole; later frames need only handle and more",
        Covers = "transport.2.7.5-6", Traps = "32")]
    public static async Task ManyFrames(CaseContext c)
    {
        var (_, sender, receiver) = await PairAsync(c);
        var payload = AmqpMessage.FromValue(new string('m', 1000)).Encode();
        var id = await sender.SendInPartsAsync([.. payload.Chunk(100)]);
        Check.Is<Accepted>(await sender.OutcomeAsync(id));
        Check.Equal((await receiver.TakeAsync()).Payload[^payload.Length..], payload);
    }

    [Case("TRANSFER-05", "2.7.5", "A delivery is settled when any of its frames says so", Covers = "transport.2.7.5-5")]
    public static async Task SettledOnce(CaseContext c)
    {
        var (session, sender, receiver) = await PairAsync(c);
        await sender.NeedCreditAsync();
        await sender.SendFrameAsync(sender.NewTransfer() with { Settled = true, More = true }, [0, 0x53, 0x77]);
        await sender.SendFrameAsync(new Transfer { Handle = sender.Handle }, [0x41]);
        sender.Count();
        Check.Equal((await receiver.TakeAsync()).Value, true);
        await session.Wire.ExpectQuietAsync(static f => f.Body is Disposition { Role: Role.Receiver });
    }

    [Case("TRANSFER-06", "2.7.5", "A delivery is settled when its last frame says so")]
    public static async Task SettledLast(CaseContext c)
    {
        var (session, sender, receiver) = await PairAsync(c);
        await sender.NeedCreditAsync();
        await sender.SendFrameAsync(sender.NewTransfer() with { Settled = null, More = true }, [0, 0x53, 0x77]);
        await sender.SendFrameAsync(new Transfer { Handle = sender.Handle, Settled = true }, [0x42]);
        sender.Count();
        Check.Equal((await receiver.TakeAsync()).Value, false);
        await session.Wire.ExpectQuietAsync(static f => f.Body is Disposition { Role: Role.Receiver });
    }

    [Case("TRANSFER-07", "2.6.14", "An aborted delivery is discarded with all its data; the next one is whole",
        Covers = "transport.2.6.14-2 transport.2.7.5-15", Traps = "34")]
    public static async Task Aborted(CaseContext c)
    {
        var (_, sender, receiver) = await PairAsync(c);
        await sender.NeedCreditAsync();
        await sender.SendFrameAsync(sender.NewTransfer() with { More = true }, [0, 0x53, 0x77, 0xa1, 5, (byte)'w']);
        await sender.SendFrameAsync(new Transfer { Handle = sender.Handle, Aborted = true }, "rong"u8.ToArray());
        sender.Count();
        await sender.SendAcceptedAsync("right");
        Check.Equal((await receiver.TakeAsync()).Value, "right");
        await receiver.ExpectEmptyAsync();
    }

    [Case("TRANSFER-08", "2.6.14", "A message may end with a frame without payload", Traps = "33")]
    public static async Task EmptyLastFrame(CaseContext c)
    {
        var (_, sender, receiver) = await PairAsync(c);
        Check.Is<Accepted>(await sender.OutcomeAsync(await sender.SendInPartsAsync([AmqpMessage.FromValue("done").Encode(), []])));
        Check.Equal((await receiver.TakeAsync()).Value, "done");
    }

    [Case("TRANSFER-09", "2.6.14", "Frames of two links may be interleaved")]
    public static async Task Interleaved(CaseContext c)
    {
        var (session, one, receiver) = await PairAsync(c);
        var two = await session.SendToAsync(((Target)one.Local.Target!).Address);
        await one.NeedCreditAsync();
        await two.NeedCreditAsync();
        await one.SendFrameAsync(one.NewTransfer() with { More = true }, [0, 0x53, 0x77]);
        one.Count();
        await two.SendFrameAsync(two.NewTransfer() with { More = true }, [0, 0x53]);
        two.Count();
        await one.SendFrameAsync(new Transfer { Handle = one.Handle }, [0xa1, 1, (byte)'1']);
        await two.SendFrameAsync(new Transfer { Handle = two.Handle }, [0x77, 0xa1, 1, (byte)'2']);
        Check.Equal((await receiver.TakeAsync()).Value, "1");
        Check.Equal((await receiver.TakeAsync()).Value, "2");
    }

    [Case("TRANSFER-10", "2.8.7", "A delivery-tag of 32 bytes is taken")]
    public static async Task LongTag(CaseContext c)
    {
        var sender = await SenderAsync(c);
        var id = await sender.SendAsync(AmqpMessage.FromValue("x").Encode(), change: static t => t with { DeliveryTag = new DeliveryTag(new byte[32]) });
        Check.Is<Accepted>(await sender.OutcomeAsync(id));
    }

    [Case("TRANSFER-11", "2.8.7", "A delivery-tag of 33 bytes is an error of the link, session or connection")]
    public static async Task TooLongTag(CaseContext c)
    {
        var sender = await SenderAsync(c);
        await sender.NeedCreditAsync();
        byte[] body = [.. Raw.Composite(Transfer.Descriptor, sender.Handle, 0u, new byte[33], 0u, false), 0, 0x53, 0x77, 0x41];
        await sender.Session.Wire.SendBytesAsync(Raw.Frame(body), "[0] transfer with a delivery-tag of 33 bytes");
        await ErrorOfAnyScopeAsync(sender.Session.Wire);
    }

    [Case("TRANSFER-12", "2.7.5", "A first transfer without delivery-id is an error of the link, session or connection")]
    public static async Task WithoutId(CaseContext c)
    {
        var sender = await SenderAsync(c);
        await sender.NeedCreditAsync();
        await sender.SendFrameAsync(sender.NewTransfer() with { DeliveryId = null }, AmqpMessage.FromValue("x").Encode());
        await ErrorOfAnyScopeAsync(sender.Session.Wire);
    }

    [Case("TRANSFER-13", "2.7.3", "A message above the broker's max-message-size detaches its link with message-size-exceeded")]
    public static async Task TooLarge(CaseContext c)
    {
        var sender = await SenderAsync(c);
        if (sender.Remote.MaxMessageSize is not (> 0 and <= 20_000_000))
        {
            throw CaseContext.NotApplicable($"the broker's max-message-size is {sender.Remote.MaxMessageSize?.ToString() ?? "absent"}, more than the suite sends");
        }

        await sender.NeedCreditAsync();
        var session = sender.Session;
        var frame = new byte[Math.Min(session.Peer.Remote.MaxFrameSize, 60_000) - 200];
        byte[] head = [0, 0x53, 0x75, 0xb0, .. Raw.U32((uint)sender.Remote.MaxMessageSize.Value + 1)];
        await sender.SendFrameAsync(sender.NewTransfer() with { More = true }, head);
        for (var left = (long)sender.Remote.MaxMessageSize.Value + 1; left > 0; left -= frame.Length)
        {
            await sender.SendFrameAsync(new Transfer { Handle = sender.Handle, More = left > frame.Length }, left > frame.Length ? frame : frame[..(int)left]);
        }

        await sender.ExpectDetachAsync(ErrorCondition.MessageSizeExceeded);
        await session.FenceAsync();
    }

    [Case("TRANSFER-14", "2.6.13", "A transfer marked as resumed that the broker knows nothing of is ignored",
        Covers = "transport.2.6.13-1 transport.2.7.5-12")]
    public static async Task UnknownResume(CaseContext c)
    {
        var (_, sender, receiver) = await PairAsync(c);
        await sender.SendAsync(AmqpMessage.FromValue("resumed").Encode(), settled: true, change: static t => t with { Resume = true });
        await sender.SendAcceptedAsync("new");
        Check.Equal((await receiver.TakeAsync()).Value, "new");
        await receiver.ExpectEmptyAsync();
    }

    [Case("TRANSFER-15", "2.7.5", "Settled deliveries may share an empty delivery-tag", Traps = "49")]
    public static async Task EmptyTags(CaseContext c)
    {
        var (_, sender, receiver) = await PairAsync(c);
        for (var i = 0; i < 3; i++)
        {
            await sender.SendAsync(AmqpMessage.FromValue($"{i}").Encode(), settled: true, change: static t => t with { DeliveryTag = default(DeliveryTag) });
        }

        for (var i = 0; i < 3; i++)
        {
            Check.Equal((await receiver.TakeAsync()).Value, $"{i}");
        }
    }

    [Case("TRANSFER-16", "2.7.5", "A settled transfer is taken on a link of unsettled deliveries", Traps = "48")]
    public static async Task SettledOnUnsettled(CaseContext c)
    {
        var session = await c.BeginAsync();
        var queue = await c.QueueAsync();
        var sender = await session.SendToAsync(queue, static a => a.SndSettleMode = SenderSettleMode.Unsettled);
        await sender.SendAsync("x", settled: true);
        Check.Equal((await (await session.ReceiveFromAsync(queue)).TakeAsync()).Value, "x");
    }

    [Case("TRANSFER-17", "2.7.5", "Batchable is only a hint: a batchable delivery is settled without being asked for")]
    public static async Task Batchable(CaseContext c)
    {
        var sender = await SenderAsync(c);
        var id = await sender.SendAsync(AmqpMessage.FromValue("x").Encode(), change: static t => t with { Batchable = true });
        Check.Is<Accepted>(await sender.OutcomeAsync(id));
    }

    [Case("TRANSFER-18", "2.6.12", "Every unsettled delivery of many gets its outcome", Traps = "26")]
    public static async Task ManyOutcomes(CaseContext c)
    {
        var sender = await SenderAsync(c);
        for (uint i = 0; i < 100; i++)
        {
            await sender.SendAsync($"{i}");
        }

        for (uint i = 0; i < 100; i++)
        {
            Check.Is<Accepted>(await sender.OutcomeAsync(i));
        }
    }

    internal static async Task<SenderLink> SenderAsync(CaseContext c) => await (await c.BeginAsync()).SendToAsync(await c.QueueAsync());

    /// <summary>A sender and a receiver on one new queue.</summary>
    internal static async Task<(Session Session, SenderLink Sender, ReceiverLink Receiver)> PairAsync(CaseContext c)
    {
        var session = await c.BeginAsync();
        var queue = await c.QueueAsync();
        return (session, await session.SendToAsync(queue), await session.ReceiveFromAsync(queue));
    }

    /// <summary>A detach, end or close with an error must come next.</summary>
    internal static async Task ErrorOfAnyScopeAsync(AmqpWire wire)
    {
        while (true)
        {
            var frame = Check.Present(await wire.NextAsync("detach, end or close with an error"), "detach, end or close with an error");
            if (frame.Body is Flow)
            {
                continue;
            }

            Check.Condition(frame.Body switch
            {
                Detach detach => detach.Error,
                End end => end.Error,
                Close close => close.Error,
                var other => throw new CheckFailedException($"expected an error, and {other} came"),
            });
            return;
        }
    }
}
