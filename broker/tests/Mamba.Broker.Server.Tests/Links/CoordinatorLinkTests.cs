using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transactions;
using Mamba.Amqp.Transport;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Links;

/// <summary>The link to the transaction coordinator, where clients do not do what is usual.</summary>
[TestFixture]
internal sealed class CoordinatorLinkTests : RunningBroker
{
    [Test]
    public async Task Commands_that_are_taken_back_use_up_no_credit()
    {
        const uint More = 250;
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.SendAsync(Frames.Of(new Attach
        {
            Name = "coordinator", Handle = 0, Role = Role.Sender, Source = new Source(), Target = new Coordinator(), InitialDeliveryCount = 0,
        }));
        await peer.NextAsync<Attach>();
        var declare = AmqpMessage.FromValue(new Declare()).Encode();
        uint limit = 0;
        for (uint id = 0; id < More; id++)
        {
            while (id >= limit)
            {
                var flow = await peer.NextAsync<Flow>();
                limit = flow.DeliveryCount!.Value + flow.LinkCredit!.Value;
            }

            await peer.SendAsync(Frames.Transfer(0, id, declare, more: true), Frames.Of(new Transfer { Handle = 0, Aborted = true }));
        }

        Assert.That(await peer.PublishAsync(0, More, declare), Is.TypeOf<Declared>());
    }
}
