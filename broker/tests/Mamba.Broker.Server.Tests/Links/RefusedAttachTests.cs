using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Tests.Management;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Links;

/// <summary>A link that is refused leaves nothing behind.</summary>
[TestFixture]
internal sealed class RefusedAttachTests : RunningBroker
{
    private const ulong SelectorFilter = 0x0000468C00000004;

    [Test]
    public async Task A_refused_receiver_leaves_no_temporary_queue()
    {
        const string Container = "refused-dynamic";
        await using var peer = await RawPeer.BeginAsync(Endpoint, Container);
        for (uint handle = 0; handle < 3; handle++)
        {
            await peer.SendAsync(Frames.Of(new Attach
            {
                Name = $"dynamic-{handle}",
                Handle = handle,
                Role = Role.Receiver,
                Source = new Source
                {
                    Dynamic = true,
                    Filter = new AmqpMap { { new Symbol("selector"), new DescribedValue(SelectorFilter, "price > AND") } },
                },
                Target = new Target { Address = "here" },
            }));
            Assert.That((await peer.NextAsync<Attach>()).Source, Is.Null);
            Assert.That((await peer.NextAsync<Detach>()).Error?.Condition, Is.EqualTo(ErrorCondition.InvalidField));
        }

        await using var management = await ManagementPeer.ConnectAsync(Endpoint);
        var names = (await management.QueryAsync("org.mamba.queue", filters: null, "name")).ConvertAll(static row => (string)row[0]!);
        Assert.That(names.Where(static name => name.Contains(Container, StringComparison.Ordinal)), Is.Empty);
    }
}
