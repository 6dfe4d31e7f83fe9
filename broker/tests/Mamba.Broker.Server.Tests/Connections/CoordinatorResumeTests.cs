using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transactions;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Connections;

/// <summary>A link to the coordinator that is to go on where an earlier one ended.</summary>
[TestFixture]
internal sealed class CoordinatorResumeTests() : RunningBroker("limits.maxMessageSize=1 MiB")
{
    [Test]
    public async Task Resuming_is_refused_as_not_implemented_and_a_new_link_is_not()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.SendAsync(Attach(0, new AmqpMap { { new byte[] { 1 }, new Declared { TxnId = [1] } } }));
        Assert.That((await peer.NextAsync<Attach>()).Target, Is.Null);
        var error = (await peer.NextAsync<Detach>()).Error!;
        Assert.That(error.Condition, Is.EqualTo(ErrorCondition.NotImplemented));
        Assert.That(error.Description, Does.StartWith("Resuming"));
        await peer.SendAsync(Frames.Detach(0), Attach(1, new AmqpMap()));
        Assert.That((await peer.NextAsync<Attach>()).Target, Is.TypeOf<Coordinator>());
    }

    private static byte[] Attach(uint handle, AmqpMap unsettled) => Frames.Of(new Attach
    {
        Name = "transactions",
        Handle = handle,
        Role = Role.Sender,
        Source = new Source(),
        Target = new Coordinator(),
        Unsettled = unsettled,
        InitialDeliveryCount = 0,
    });
}
