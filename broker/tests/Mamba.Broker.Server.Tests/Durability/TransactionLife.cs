using Mamba.Amqp.Codec;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transactions;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Durability;

/// <summary>A peer's coordinator link on handle 100, and the delivery-ids of its session.</summary>
internal sealed class TransactionLife(RawPeer peer)
{
    private const uint Handle = 100;

    private uint _nextId;

    public static async Task<TransactionLife> AttachAsync(RawPeer peer, Symbol[]? desired = null)
    {
        var answer = await peer.AttachCoordinatorAsync(Handle, desired);
        Assert.That(answer.Target, Is.InstanceOf<Coordinator>());
        Assert.That(answer.OfferedCapabilities, Is.EqualTo(desired));
        return new TransactionLife(peer);
    }

    public async Task<byte[]> DeclareAsync()
    {
        var state = await peer.PublishAsync(Handle, _nextId++, Value(new Declare()));
        return ((Declared)state!).TxnId;
    }

    /// <summary>Commits and waits for the word that it is done.</summary>
    public async Task CommitAsync(byte[] transaction) => Assert.That(await EndAsync(transaction), Is.InstanceOf<Accepted>());

    /// <summary>Commits and waits for the answer.</summary>
    public Task<DeliveryState?> EndAsync(byte[] transaction) => peer.PublishAsync(Handle, _nextId++, Value(new Discharge { TxnId = transaction }));

    /// <summary>Sends a durable message in a transaction and waits for the provisional acceptance.</summary>
    public async Task SendAsync(uint handle, byte[] transaction, string body) =>
        Assert.That(await TrySendAsync(handle, transaction, body), Is.InstanceOf<Accepted>());

    /// <summary>Sends a durable message in a transaction and waits for its provisional outcome.</summary>
    public async Task<Outcome?> TrySendAsync(uint handle, byte[] transaction, string body)
    {
        await peer.SendAsync(Message(handle, body, transaction));
        return ((await peer.NextAsync<Disposition>()).State as TransactionalState)?.Outcome;
    }

    /// <summary>The frame of a declare, to be written with others, and its delivery-id.</summary>
    public (uint Id, byte[] Frame) Declare() => (_nextId, Frames.Transfer(Handle, _nextId++, Value(new Declare())));

    /// <summary>The frame of a discharge, to be written with others, and its delivery-id.</summary>
    public (uint Id, byte[] Frame) Discharge(byte[] transaction, bool fail = false) =>
        (_nextId, Frames.Transfer(Handle, _nextId++, Value(new Discharge { TxnId = transaction, Fail = fail })));

    /// <summary>The frame of a durable message, in a transaction or outside of one.</summary>
    public byte[] Message(uint handle, string body, byte[]? transaction, bool settled = false) => Frames.Transfer(
        handle, _nextId++, Frames.Message(body, durable: true), settled,
        state: transaction is null ? null : new TransactionalState { TxnId = transaction });

    /// <summary>Sends a message of any kind, in a transaction or outside of one, and waits for its (provisional) outcome.</summary>
    public async Task<DeliveryState?> PublishAsync(uint handle, byte[] payload, byte[]? transaction = null)
    {
        await peer.SendAsync(Frames.Transfer(handle, _nextId++, payload, state: transaction is null ? null : new TransactionalState { TxnId = transaction }));
        var state = (await peer.NextAsync<Disposition>()).State;
        return state is TransactionalState { Outcome: { } outcome } ? outcome : state;
    }

    /// <summary>Declares, and sends messages that want no answer.</summary>
    public async Task<byte[]> BeginAsync(uint handle, params string[] bodies)
    {
        var transaction = await DeclareAsync();
        await peer.SendAsync([.. bodies.Select(body => Message(handle, body, transaction, settled: true))]);
        return transaction;
    }

    /// <summary>Reads dispositions until all these deliveries are answered; the answers, in the order they came.</summary>
    public async Task<List<(uint Id, DeliveryState? State)>> AnswersAsync(params uint[] ids)
    {
        var answers = new List<(uint Id, DeliveryState? State)>();
        while (!Array.TrueForAll(ids, id => answers.Exists(answer => answer.Id == id)))
        {
            var disposition = await peer.NextAsync<Disposition>();
            for (var id = disposition.First; id <= disposition.LastOrFirst; id++)
            {
                answers.Add((id, disposition.State));
            }
        }

        return answers;
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
