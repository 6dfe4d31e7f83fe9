using Mamba.Amqp.Conformance.Running;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Conformance.Wire;

/// <summary>A delivery that came, of one or more transfers.</summary>
public sealed record Delivery(IReadOnlyList<Transfer> Transfers, byte[] Payload)
{
    private AmqpMessage? _message;

    public Transfer First => Transfers[0];

    public uint Id => Check.Present(First.DeliveryId, "delivery-id on the first transfer");

    public bool Settled => Transfers.Any(static t => t.Settled == true);

    public bool Aborted => Transfers[^1].Aborted;

    public AmqpMessage Message => _message ??= AmqpMessage.Decode(Payload);

    /// <summary>The body of an amqp-value message.</summary>
    public object? Value => Message.Value;

    public uint DeliveryCount => Message.Header?.DeliveryCount ?? 0;
}

/// <summary>A link on which the suite receives.</summary>
public sealed class ReceiverLink(Session session, Attach local, Attach remote)
{
    public Session Session => session;

    public Attach Local => local;

    public Attach Remote => remote;

    public uint Handle => local.Handle;

    /// <summary>The broker's delivery-count as far as this side knows.</summary>
    public uint DeliveryCount { get; set; } = remote.InitialDeliveryCount ?? 0;

    /// <summary>Gives credit: the number of deliveries that may come from now on.</summary>
    public Task CreditAsync(uint credit, bool drain = false, bool echo = false, AmqpMap? properties = null) => session.SendAsync(session.NewFlow() with
    {
        Handle = Handle,
        DeliveryCount = DeliveryCount,
        LinkCredit = credit,
        Drain = drain,
        Echo = echo,
        Properties = properties,
    });

    /// <summary>The broker's next flow about this link.</summary>
    public Task<Flow> FlowAsync(string? what = null) => session.ExpectAsync<Flow>(f => f.Handle == remote.Handle, what ?? "a flow for the link");

    /// <summary>The next transfer frame of this link.</summary>
    public async Task<(Transfer Transfer, byte[] Payload)> TransferAsync(string? what = null)
    {
        var frame = await session.Wire.ExpectFrameAsync<Transfer>(
            (f, t) => f.Channel == session.RemoteChannel && t.Handle == remote.Handle, what ?? "a transfer");
        session.NextIncomingId++;
        return ((Transfer)frame.Body!, frame.Payload);
    }

    /// <summary>The next whole delivery; credit must have been given.</summary>
    public async Task<Delivery> ReceiveAsync(string? what = null)
    {
        List<Transfer> transfers = [];
        List<byte> payload = [];
        bool more;
        do
        {
            var (transfer, bytes) = await TransferAsync(what);
            transfers.Add(transfer);
            payload.AddRange(bytes);
            more = transfer.More && !transfer.Aborted;
        }
        while (more);

        DeliveryCount++;
        return new Delivery(transfers, [.. payload]);
    }

    /// <summary>Gives credit for one and receives it.</summary>
    public async Task<Delivery> ReceiveOneAsync(string? what = null)
    {
        await CreditAsync(1);
        return await ReceiveAsync(what);
    }

    /// <summary>Receives one and accepts it.</summary>
    public async Task<Delivery> TakeAsync()
    {
        var delivery = await ReceiveOneAsync();
        await SettleAsync(delivery, Accepted.Instance);
        return delivery;
    }

    /// <summary>Settles a delivery with an outcome.</summary>
    public Task SettleAsync(Delivery delivery, DeliveryState? state, bool settled = true) =>
        session.SendAsync(new Disposition { Role = Role.Receiver, First = delivery.Id, Settled = settled, State = state });

    /// <summary>The delivery that is coming must end, or be aborted, before a delivery of the suite's is settled.</summary>
    public async Task ExpectEndOfDeliveryBeforeAsync(uint deliveryId)
    {
        bool more;
        do
        {
            var frame = await session.Wire.ExpectFrameAsync<Mamba.Amqp.Codec.IAmqpEncodable>(
                (f, body) => IsTransfer(f) || (body is Disposition { Role: Role.Receiver, Settled: true } d && d.First <= deliveryId && deliveryId <= d.LastOrFirst),
                "the rest of the delivery, or its end by abort");
            Check.That(frame.Body is Transfer, $"the delivery to end before delivery {deliveryId} is settled");
            var transfer = (Transfer)frame.Body!;
            session.NextIncomingId++;
            more = transfer.More && !transfer.Aborted;
        }
        while (more);

        DeliveryCount++;
    }

    /// <summary>There must be a message at once: a drain must not end without one.</summary>
    public async Task ExpectOneNowAsync()
    {
        await CreditAsync(1, drain: true);
        var frame = await session.Wire.ExpectFrameAsync<Mamba.Amqp.Codec.IAmqpEncodable>(
            (f, body) => f.Channel == session.RemoteChannel && body is Transfer or Flow { LinkCredit: 0 or null, Handle: not null }, "a message");
        Check.That(frame.Body is Transfer, "a message, and the drain ended without one");
    }

    /// <summary>There must be nothing for this link: with credit for one, nothing comes in a quiet period. The credit is then taken back.</summary>
    public async Task ExpectEmptyAsync()
    {
        await CreditAsync(1);
        await ExpectNoTransferAsync();
        await CreditAsync(0);
    }

    /// <summary>All that is there for this link, each accepted: what comes before the end of a drain.</summary>
    public async Task<IReadOnlyList<Delivery>> TakeAllAsync(uint credit)
    {
        List<Delivery> all = [];
        await CreditAsync(credit, drain: true);
        while (true)
        {
            var frame = await session.Wire.ExpectFrameAsync<Mamba.Amqp.Codec.IAmqpEncodable>(
                (f, body) => IsTransfer(f) || (f.Channel == session.RemoteChannel && body is Flow { LinkCredit: 0 or null } flow && flow.Handle == remote.Handle),
                "messages, or the end of the drain");
            if (frame.Body is Flow ended)
            {
                DeliveryCount = ended.DeliveryCount ?? DeliveryCount;
                return all;
            }

            session.Wire.PutBack(frame);
            all.Add(await ReceiveAsync());
            await SettleAsync(all[^1], Accepted.Instance);
        }
    }

    /// <summary>Nothing may come on this link in a quiet period, whatever its credit.</summary>
    public Task ExpectNoTransferAsync() =>
        session.Wire.ExpectQuietAsync(IsTransfer);

    /// <summary>Detaches in order, and gives the answer, which has no error.</summary>
    public Task<Detach> DetachAsync(bool closed = true) => Links.DetachAsync(session, local.Handle, remote.Handle, closed);

    /// <summary>The broker must detach the link with one of these conditions.</summary>
    public Task<Detach> ExpectDetachAsync(params Symbol[] conditions) => Links.ExpectDetachAsync(session, local.Handle, remote.Handle, conditions);

    private bool IsTransfer(AmqpFrame frame) => frame.Body is Transfer t && frame.Channel == session.RemoteChannel && t.Handle == remote.Handle;
}
