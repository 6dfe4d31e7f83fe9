using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Management;

/// <summary>Names that begin with $ are for nodes of a broker's own: attaching makes no queue there that would keep what is sent.</summary>
[TestFixture]
internal sealed class ReservedAddressTests() : RunningBroker("""addresses.rules=[{"pattern":"$ours.#","autoCreate":true}]""")
{
    [TestCase("$cbs")]
    [TestCase("queue://$cbs")]
    [TestCase("topic://$cbs")]
    [TestCase("$management2")]
    public async Task Nothing_is_made_by_attaching(string address)
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        foreach (var attach in new[] { Frames.Sender(0, address), Frames.Receiver(0, address) })
        {
            await peer.SendAsync(attach);
            await peer.NextAsync<Attach>();
            var detach = await peer.NextAsync<Detach>();
            Assert.That(detach.Error!.Condition, Is.EqualTo(ErrorCondition.NotFound));
            Assert.That(detach.Error.Description, Does.Contain("begin with $"));
            await peer.SendAsync(Frames.Detach(0));
        }
    }

    [Test]
    public async Task A_relay_makes_nothing_either()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.SendAsync(Frames.Of(new Attach { Name = "relay", Handle = 0, Role = Role.Sender, Source = new Source(), Target = new Target(), InitialDeliveryCount = 0 }));
        await peer.NextAsync<Attach>();
        await peer.NextAsync<Flow>();
        var message = new AmqpMessage { Properties = new MessageProperties { To = "$cbs" }, Body = new ValueBody("a token") };
        var outcome = await peer.PublishAsync(0, 0, message.Encode());
        Assert.That(((Rejected)outcome!).Error!.Condition, Is.EqualTo(ErrorCondition.NotFound));
    }

    [Test]
    public async Task A_rule_that_allows_it_makes_a_queue()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachSenderAsync(0, "$ours.one");
        Assert.That(await peer.PublishAsync(0, 0, Frames.Message("kept")), Is.TypeOf<Accepted>());
    }
}
