using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transactions;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Annotations;

/// <summary>A broker that detaches links over annotations it does not know (AMQP 1.0 §3.2.10).</summary>
[TestFixture]
internal sealed class StrictAnnotationTests() : RunningBroker(
    "links.unknownAnnotations=refuse",
    """
    addresses.rules=[
      { "pattern": "last.#", "lastValueKey": "symbol" },
      { "pattern": "once.#", "duplicates": { "by": "request" } }]
    """)
{
    [Test]
    public async Task An_unknown_one_ends_the_link_and_no_other([Values] bool settled, [Values] bool ofDelivery)
    {
        var queue = $"strict.{settled}.{ofDelivery}";
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachSenderAsync(0, queue);
        await peer.AttachSenderAsync(1, queue);
        await peer.SendAsync(Frames.Transfer(0, 0, Annotated("mine", ofDelivery), settled));
        await AssertDetachedAsync(peer);
        Assert.That(await peer.PublishAsync(1, 1, Annotated("x-opt-mine", ofDelivery)), Is.InstanceOf<Accepted>());
        Assert.That(await TakeAllAsync(queue, 1), Is.EqualTo(1));
    }

    [TestCase("last.value", "symbol")]
    [TestCase("once.only", "request")]
    public async Task What_a_setting_of_the_address_names_is_known(string queue, string key)
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachSenderAsync(0, queue);
        Assert.That(await peer.PublishAsync(0, 0, Annotated(key)), Is.InstanceOf<Accepted>());
        await peer.AttachRelayAsync(1);
        Assert.That(await peer.PublishAsync(1, 1, Annotated(key, to: queue)), Is.InstanceOf<Accepted>());
    }

    [TestCase(false, "strict.relay")]
    [TestCase(true, "strict.relay")]
    [TestCase(false, "$management")]
    public async Task A_relay_is_held_to_it_too(bool ofDelivery, string to)
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachRelayAsync(0);
        await peer.SendAsync(Frames.Transfer(0, 0, Annotated("mine", ofDelivery, to)));
        await AssertDetachedAsync(peer);
    }

    [Test]
    public async Task A_request_is_held_to_it_too()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachSenderAsync(0, "$management");
        await peer.SendAsync(Frames.Transfer(0, 0, Annotated("mine")));
        await AssertDetachedAsync(peer, namesDelivery: false);
    }

    [Test]
    public async Task A_transaction_that_lost_its_message_so_is_not_committed()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachSenderAsync(0, "strict.transaction");
        await peer.AttachCoordinatorAsync(1);
        var declared = (Declared)(await peer.PublishAsync(1, 0, Command(new Declare())))!;
        await peer.SendAsync(Frames.Transfer(0, 1, Annotated("mine"), state: new TransactionalState { TxnId = declared.TxnId }));
        await AssertDetachedAsync(peer);
        var answer = await peer.PublishAsync(1, 2, Command(new Discharge { TxnId = declared.TxnId, Fail = false }));
        Assert.That((answer as Rejected)?.Error?.Condition, Is.EqualTo(ErrorCondition.TransactionRollback), () => peer.Trace);
    }

    private static async Task AssertDetachedAsync(RawPeer peer, bool namesDelivery = true)
    {
        var error = (await peer.NextAsync<Detach>()).Error;
        Assert.That(error?.Condition, Is.EqualTo(ErrorCondition.NotImplemented));
        Assert.That(error!.Description, Does.Contain("'mine'"));
        Assert.That(error.Info?[new Symbol("delivery-tag")], namesDelivery ? Is.EqualTo(new byte[8]).Or.EqualTo(DeliveryTag.FromUInt64(1).ToArray()) : Is.Null);
        await peer.SendAsync(Frames.Detach(0));
    }

    private static byte[] Command(object command) => new AmqpMessage { Body = new ValueBody(command) }.Encode();

    private static byte[] Annotated(string key, bool ofDelivery = false, string? to = null)
    {
        var annotations = new AmqpMap { [new Symbol(key)] = "value" };
        return new AmqpMessage
        {
            DeliveryAnnotations = ofDelivery ? annotations : null,
            MessageAnnotations = ofDelivery ? null : annotations,
            Properties = to is null ? null : new MessageProperties { To = to },
            Body = new ValueBody("x"),
        }.Encode();
    }
}
