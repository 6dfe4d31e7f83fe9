using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Subscriptions;

/// <summary>A client that does not wait for the answer to its attach detaches at once: what it means is done, as if it had waited.</summary>
[TestFixture]
internal sealed class EarlyClosingTests() : RunningBroker
{
    private static readonly Symbol[] Topic = [new("topic")];
    private static readonly Symbol[] Shared = [new("topic"), new("shared")];

    [Test]
    public async Task Closing_a_durable_subscription_before_the_answer_unsubscribes()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachReceiverAsync(2, "topic://early-news", credit: 0);
        foreach (var exists in new[] { false, true })
        {
            if (exists)
            {
                await peer.SendAsync(Subscribe("hasty", Topic));
                Assert.That((await peer.NextAsync<Attach>()).Source, Is.Not.Null);
                await DetachAsync(peer, closed: false);
            }

            await peer.SendAsync(Subscribe("hasty", Topic), Frames.Detach(0));
            await peer.NextAsync<Attach>();
            var answer = await peer.NextAsync<Detach>();
            Assert.That((answer.Closed, answer.Error), Is.EqualTo((true, (AmqpError?)null)));

            // Subscriptions are made one after the other: it would be there before this one.
            await peer.SendAsync(Subscribe("later", Topic));
            Assert.That((await peer.NextAsync<Attach>()).Source, Is.Not.Null);
            await DetachAsync(peer, closed: true);
            Assert.That(await IsThereAsync(peer, "hasty"), Is.False);
        }

        await peer.CloseAsync();
    }

    [Test]
    public async Task Detaching_before_the_answer_keeps_it()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.SendAsync(Subscribe("stays", Topic), Frames.Detach(0, closed: false));
        await peer.NextAsync<Attach>();
        Assert.That((await peer.NextAsync<Detach>()).Closed, Is.False);

        // It was asked for and not taken back; where it is not made yet, this waits for it.
        await peer.SendAsync(Subscribe("stays", Topic));
        Assert.That((await peer.NextAsync<Attach>()).Source, Is.Not.Null);
        await DetachAsync(peer, closed: false);
        Assert.That(await IsThereAsync(peer, "stays"), Is.True);
        await peer.CloseAsync();
    }

    [Test]
    public async Task What_others_use_stays_and_the_closing_says_so()
    {
        await using var member = await RawPeer.BeginAsync(Endpoint, "crew");
        await member.SendAsync(Subscribe("used", Shared));
        Assert.That((await member.NextAsync<Attach>()).Source, Is.Not.Null);
        await using var hasty = await RawPeer.BeginAsync(Endpoint, "crew");
        await hasty.SendAsync(Subscribe("used|2", Shared), Frames.Detach(0));
        await hasty.NextAsync<Attach>();
        var answer = await hasty.NextAsync<Detach>();
        Assert.That((answer.Closed, answer.Error?.Condition), Is.EqualTo((true, (Symbol?)ErrorCondition.ResourceLocked)));
        Assert.That(await IsThereAsync(hasty, "used"), Is.True);
        await hasty.CloseAsync();
    }

    [Test]
    public async Task Links_to_queues_and_temporary_nodes_are_closed_as_ever()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        byte[][] attaches =
        [
            Frames.Receiver(0, "early"),
            Frames.Sender(0, "early-too"),
            Frames.Of(new Attach { Name = "d", Handle = 0, Role = Role.Receiver, Source = new Source { Dynamic = true }, Target = new Target() }),
            Frames.Of(new Attach { Name = "$", Handle = 0, Role = Role.Receiver, Source = new Source { Address = "$no-such" }, Target = new Target() }),
        ];
        foreach (var attach in attaches)
        {
            await peer.SendAsync(attach, Frames.Detach(0));
            await peer.NextAsync<Attach>();
            Assert.That((await peer.NextAsync<Detach>()).Closed, Is.True);
        }

        await peer.CloseAsync();
    }

    private static async Task DetachAsync(RawPeer peer, bool closed)
    {
        await peer.SendAsync(Frames.Detach(0, closed));
        await peer.NextAsync<Detach>();
    }

    private static async Task<bool> IsThereAsync(RawPeer peer, string name)
    {
        await peer.SendAsync(Frames.Of(new Attach { Name = name, Handle = 1, Role = Role.Receiver, Target = new Target() }));
        if ((await peer.NextAsync<Attach>()).Source is not null)
        {
            await peer.SendAsync(Frames.Detach(1, closed: false));
            await peer.NextAsync<Detach>();
            return true;
        }

        Assert.That((await peer.NextAsync<Detach>()).Error!.Condition, Is.EqualTo(ErrorCondition.NotFound));
        await peer.SendAsync(Frames.Detach(1));
        return false;
    }

    private static byte[] Subscribe(string name, Symbol[] capabilities) => Frames.Of(new Attach
    {
        Name = name,
        Handle = 0,
        Role = Role.Receiver,
        Source = new Source { Address = "early-news", Durable = TerminusDurability.UnsettledState, Capabilities = capabilities },
        Target = new Target(),
    });
}
