using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transactions;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Resumption;

/// <summary>Frames of a peer whose links are resumable.</summary>
internal static class OncePeer
{
    /// <summary>Attach of a sender; with a map it resumes.</summary>
    public static byte[] Sender(uint handle, string address, AmqpMap? unsettled = null) => Frames.Of(new Attach
    {
        Name = address,
        Handle = handle,
        Role = Role.Sender,
        RcvSettleMode = ReceiverSettleMode.Second,
        Source = new Source { Address = "here" },
        Target = new Target { Address = address, ExpiryPolicy = TerminusExpiryPolicy.Never, Durable = TerminusDurability.UnsettledState },
        InitialDeliveryCount = 0,
        Unsettled = unsettled,
    });

    /// <summary>Attach of a receiver; with a map it resumes.</summary>
    public static byte[] Receiver(uint handle, string address, AmqpMap? unsettled = null) => Frames.Of(new Attach
    {
        Name = address,
        Handle = handle,
        Role = Role.Receiver,
        RcvSettleMode = ReceiverSettleMode.Second,
        Source = new Source { Address = address, ExpiryPolicy = TerminusExpiryPolicy.Never, Durable = TerminusDurability.UnsettledState },
        Target = new Target { Address = "here" },
        Unsettled = unsettled,
    });

    public static AmqpMap Map(byte[] tag, DeliveryState? state) => new() { { tag, state } };

    /// <summary>Attaches the sender and waits for its credit; the broker's unsettled map.</summary>
    public static async Task<AmqpMap?> AttachOnceSenderAsync(this RawPeer peer, uint handle, string address, AmqpMap? unsettled = null)
    {
        await peer.SendAsync(Sender(handle, address, unsettled));
        var answer = await peer.NextAsync<Attach>();
        await peer.CreditAsync(handle);
        return answer.Unsettled;
    }

    /// <summary>Detaches without closing.</summary>
    public static async Task SuspendAsync(this RawPeer peer, uint handle)
    {
        await peer.SendAsync(Frames.Detach(handle, closed: false));
        await peer.NextAsync<Detach>();
    }

    /// <summary>Declares a transaction on the coordinator link.</summary>
    public static async Task<byte[]> DeclareAsync(this RawPeer peer, uint handle, uint id) =>
        ((Declared)(await peer.PublishAsync(handle, id, AmqpMessage.FromValue(new Declare()).Encode()))!).TxnId;

    /// <summary>Commits; the coordinator's answer.</summary>
    public static Task<DeliveryState?> CommitAsync(this RawPeer peer, uint handle, uint id, byte[] transaction) =>
        peer.PublishAsync(handle, id, AmqpMessage.FromValue(new Discharge { TxnId = transaction }).Encode());
}
