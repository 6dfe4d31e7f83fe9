using Mamba.Amqp.Codec;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transactions;
using Mamba.Amqp.Transport;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Durability;

/// <summary>A peer's coordinator link on handle 100, and the delivery-ids of its session.</summary>
internal sealed class TransactionLife(RawPeer peer)
{
    private const uint Handle = 100;

    private uint _nextId;

    public static async Task<TransactionLife> AttachAsync(RawPeer peer)
    {
        await peer.SendAsync(Frames.Of(new Attach
        {
            Name = "coordinator",
            Handle = Handle,
            Role = Role.Sender,
            Source = new Source { Address = "here" },
            Target = new Coordinator(),
            InitialDeliveryCount = 0,
        }));
        Assert.That((await peer.NextAsync<Attach>()).Target, Is.InstanceOf<Coordinator>());
        await peer.CreditAsync(Handle);
        return new TransactionLife(peer);
    }

    public async Task<byte[]> DeclareAsync()
    {
        var state = await peer.PublishAsync(Handle, _nextId++, Value(new Declare()));
        return ((Declared)state!).TxnId;
    }

    /// <summary>Commits and waits for the word that it is done.</summary>
    public async Task CommitAsync(byte[] transaction) =>
        Assert.That(await peer.PublishAsync(Handle, _nextId++, Value(new Discharge { TxnId = transaction })), Is.InstanceOf<Accepted>());

    /// <summary>Sends a durable message in a transaction and waits for the provisional acceptance.</summary>
    public async Task SendAsync(uint handle, byte[] transaction, string body)
    {
        await peer.SendAsync(Frames.Transfer(handle, _nextId++, Frames.Message(body, durable: true), state: new TransactionalState { TxnId = transaction }));
        var state = (await peer.NextAsync<Disposition>()).State as TransactionalState;
        Assert.That(state?.Outcome, Is.InstanceOf<Accepted>());
    }

    public async Task AcceptAsync(byte[] transaction, uint delivery) =>
        await peer.SendAsync(Frames.Settle(delivery, new TransactionalState { TxnId = transaction, Outcome = Accepted.Instance }));

    private static byte[] Value(IAmqpEncodable body)
    {
        using var buffer = new ByteBuffer();
        var writer = new AmqpWriter(buffer);
        writer.WriteDescriptor((ulong)MessageSection.AmqpValue);
        body.Write(writer);
        return buffer.ToArray();
    }
}
