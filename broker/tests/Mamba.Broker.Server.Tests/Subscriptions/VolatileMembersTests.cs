using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Subscriptions;

/// <summary>A shared subscription that is not durable ends with its last member, while others may be about to join it.</summary>
[TestFixture]
internal sealed class VolatileMembersTests() : RunningBroker
{
    private const int Members = 4;
    private const int Rounds = 300;

    [Test]
    public async Task Joining_while_the_last_member_leaves_is_never_refused_and_never_cut_short()
    {
        await Task.WhenAll(Enumerable.Range(0, Members).Select(static n => $"member-{n}").Select(ComeAndGoAsync));
    }

    private static byte[] Join(string name) => Frames.Of(new Attach
    {
        Name = name,
        Handle = 0,
        Role = Role.Receiver,
        Source = new Source
        {
            Address = "crowded",
            Capabilities = [new Symbol("topic"), new Symbol("shared"), new Symbol("global")],
        },
        Target = new Target(),
    });

    private async Task ComeAndGoAsync(string container)
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint, container);
        for (var round = 1; round <= Rounds; round++)
        {
            await peer.SendAsync(Join($"crew|global-volatile{round}"));
            var attach = await peer.NextAsync<Attach>();
            Assert.That(attach.Source, Is.Not.Null, () => $"refused in round {round}. Trace:\n{peer.Trace}");
            await peer.SendAsync(Frames.Detach(0));
            var detach = await peer.NextAsync<Detach>();
            Assert.That(detach.Error, Is.Null, () => $"detached in round {round}. Trace:\n{peer.Trace}");
        }

        await peer.CloseAsync();
    }
}
