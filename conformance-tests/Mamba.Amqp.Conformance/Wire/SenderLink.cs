using Mamba.Amqp.Codec;
using Mamba.Amqp.Conformance.Running;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transactions;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Conformance.Wire;

/// <summary>A link on which the suite sends.</summary>
public sealed class SenderLink(Session session, Attach local, Attach remote)
{
    private uint _tags;

    public Session Session => session;

    public Attach Local => local;

    public Attach Remote => remote;

    public uint Handle => local.Handle;

    /// <summary>delivery-count plus link-credit as the broker last told: the limit up to which may be sent.</summary>
    public uint Limit { get; private set; } = local.InitialDeliveryCount ?? 0;

    public uint DeliveryCount { get; private set; } = local.InitialDeliveryCount ?? 0;

    public uint Credit => Limit - DeliveryCount;

    /// <summary>Waits until the broker's credit allows a number of deliveries.</summary>
    public async Task<Flow> WaitForCreditAsync(uint atLeast = 1)
    {
        while (true)
        {
            var flow = await session.ExpectAsync<Flow>(f => f.Handle == remote.Handle, "a flow that gives credit");
            Limit = (flow.DeliveryCount ?? local.InitialDeliveryCount ?? 0) + (flow.LinkCredit ?? 0);
            if ((int)(Limit - DeliveryCount) >= (int)atLeast)
            {
                return flow;
            }
        }
    }

    /// <summary>A transfer for the next delivery.</summary>
    public Transfer NewTransfer(bool settled = false) => new()
    {
        Handle = Handle,
        DeliveryId = session.NextDeliveryId,
        DeliveryTag = DeliveryTag.FromUInt64(_tags++),
        MessageFormat = 0,
        Settled = settled,
    };

    /// <summary>Sends a delivery in one frame and gives its delivery-id.</summary>
    public async Task<uint> SendAsync(byte[] payload, bool settled = false, DeliveryState? state = null, Func<Transfer, Transfer>? change = null)
    {
        await NeedCreditAsync();
        var transfer = NewTransfer(settled) with { State = state };
        transfer = change is null ? transfer : change(transfer);
        await SendFrameAsync(transfer, payload);
        Count();
        return transfer.DeliveryId ?? session.NextDeliveryId - 1;
    }

    public Task<uint> SendAsync(AmqpMessage message, bool settled = false, DeliveryState? state = null) => SendAsync(message.Encode(), settled, state);

    /// <summary>Sends a message with a string as its body.</summary>
    public Task<uint> SendAsync(string body, bool settled = false, DeliveryState? state = null) =>
        SendAsync(AmqpMessage.FromValue(body), settled, state);

    /// <summary>Sends a delivery and expects it accepted and settled.</summary>
    public async Task SendAcceptedAsync(byte[] payload) => Check.Is<Accepted>(await OutcomeAsync(await SendAsync(payload)), "the outcome");

    public Task SendAcceptedAsync(AmqpMessage message) => SendAcceptedAsync(message.Encode());

    public Task SendAcceptedAsync(string body) => SendAcceptedAsync(AmqpMessage.FromValue(body));

    /// <summary>Sends a delivery in several frames: all but the last with more.</summary>
    public async Task<uint> SendInPartsAsync(byte[][] parts, bool settled = false)
    {
        await NeedCreditAsync();
        var first = NewTransfer(settled);
        for (var i = 0; i < parts.Length; i++)
        {
            var transfer = i == 0 ? first : new Transfer { Handle = Handle };
            await SendFrameAsync(transfer with { More = i < parts.Length - 1 }, parts[i]);
        }

        Count();
        return first.DeliveryId!.Value;
    }

    /// <summary>Sends a transfer frame as it is and counts it in the session's window; the delivery is the caller's to count.</summary>
    public async Task SendFrameAsync(Transfer transfer, byte[]? payload = null)
    {
        session.NextOutgoingId++;
        await session.SendAsync(transfer, payload);
    }

    /// <summary>Counts a delivery that was sent frame by frame.</summary>
    public void Count()
    {
        session.NextDeliveryId++;
        DeliveryCount++;
    }

    /// <summary>Waits until there is credit for a number of deliveries, unless there is already.</summary>
    public async Task WaitForCreditOrHaveAsync(uint deliveries)
    {
        if ((int)Credit < (int)deliveries)
        {
            await WaitForCreditAsync(deliveries);
        }
    }

    public async Task NeedCreditAsync()
    {
        if ((int)Credit <= 0)
        {
            await WaitForCreditAsync();
        }
    }

    /// <summary>The disposition that settles a delivery.</summary>
    public Task<Disposition> SettlementAsync(uint deliveryId) => session.ExpectAsync<Disposition>(
        d => d.Role == Role.Receiver && d.Settled && d.First <= deliveryId && deliveryId <= d.LastOrFirst,
        $"a disposition that settles delivery {deliveryId}",
        keep: true);

    /// <summary>The state with which the broker settles a delivery; must not be null.</summary>
    public async Task<DeliveryState> OutcomeAsync(uint deliveryId) => Check.Present((await SettlementAsync(deliveryId)).State, "a state in the disposition");

    /// <summary>Declares a transaction on a control link.</summary>
    public async Task<byte[]> DeclareAsync()
    {
        var declared = Check.Is<Declared>(await OutcomeAsync(await SendAsync(AmqpMessage.FromValue(new Declare()))), "the outcome of declare");
        Check.That(declared.TxnId.Length is > 0 and <= 32, "a txn-id of 1 to 32 bytes");
        return declared.TxnId;
    }

    /// <summary>Discharges a transaction on a control link and gives the outcome.</summary>
    public async Task<DeliveryState> DischargeAsync(byte[] txnId, bool fail = false) =>
        await OutcomeAsync(await SendAsync(AmqpMessage.FromValue(new Discharge { TxnId = txnId, Fail = fail })));

    /// <summary>Commits, and expects that to be accepted.</summary>
    public async Task CommitAsync(byte[] txnId) => Check.Is<Accepted>(await DischargeAsync(txnId), "the outcome of discharge");

    /// <summary>Detaches in order, and gives the answer, which has no error.</summary>
    public Task<Detach> DetachAsync(bool closed = true) => Links.DetachAsync(session, local.Handle, remote.Handle, closed);

    /// <summary>The broker must detach the link with one of these conditions.</summary>
    public Task<Detach> ExpectDetachAsync(params Symbol[] conditions) => Links.ExpectDetachAsync(session, local.Handle, remote.Handle, conditions);
}

internal static class Links
{
    public static async Task<Detach> DetachAsync(Session session, uint local, uint remote, bool closed)
    {
        await session.SendAsync(new Detach { Handle = local, Closed = closed });
        var answer = await session.ExpectAsync<Detach>(d => d.Handle == remote);
        Check.NoError(answer.Error);
        return answer;
    }

    public static async Task<Detach> ExpectDetachAsync(Session session, uint local, uint remote, Symbol[] conditions)
    {
        var detach = await session.ExpectAsync<Detach>(d => d.Handle == remote, $"detach with {string.Join(" or ", conditions)}");
        Check.Condition(detach.Error, conditions);
        await session.SendAsync(new Detach { Handle = local, Closed = detach.Closed });
        return detach;
    }
}
