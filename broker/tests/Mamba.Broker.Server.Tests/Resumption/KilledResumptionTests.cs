using System.Globalization;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Tests.Durability;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Resumption;

/// <summary>
/// Exactly once, both ways, over connections that are cut and brokers that are killed at any point: no message is lost, and none is
/// there twice. Where the cuts come is drawn from a seed; where that is in the broker's work is up to the machine.
/// </summary>
[TestFixture]
internal sealed class KilledResumptionTests : MortalBroker
{
    private const int Messages = 300;

    [TestCase(1)]
    [TestCase(2)]
    public async Task What_is_sent_is_stored_once(int seed)
    {
        var random = new Random(seed);
        var sender = new OnceSender("sent", Messages);
        for (var round = 0; round < 9 && !sender.IsDone; round++)
        {
            await sender.RunAsync(Life.Endpoint, random.Next(10), StopOf(round));
            await LiveAgainAsync();
        }

        await sender.RunAsync(Life.Endpoint, int.MaxValue, GoOn);
        Assert.That(sender.IsDone, Is.True);
        TestContext.Out.WriteLine($"resumed: {sender.Resumed}");
        Assert.That(Numbers(await Life.DrainAsync("sent", Messages)), Is.EqualTo(Enumerable.Range(0, Messages)), "each once, in order");
    }

    [TestCase(1)]
    [TestCase(2)]
    public async Task What_is_received_is_processed_once(int seed)
    {
        await Life.PublishAsync("received", [.. Enumerable.Range(0, Messages).Select(static i => i.ToString(CultureInfo.InvariantCulture))]);
        var random = new Random(seed);
        var receiver = new OnceReceiver("received", Messages);
        for (var round = 0; round < 9 && !receiver.IsDone; round++)
        {
            await receiver.RunAsync(Life.Endpoint, random.Next(60), StopOf(round));
            await LiveAgainAsync();
        }

        await receiver.RunAsync(Life.Endpoint, int.MaxValue, GoOn);
        TestContext.Out.WriteLine($"resumed: {receiver.Resumed}");
        Assert.That(receiver.Processed, Is.Unique);
        Assert.That(receiver.Processed, Is.EquivalentTo(Enumerable.Range(0, Messages)));
        Assert.That(await Life.DrainAsync("received"), Is.Empty);
    }

    /// <summary>Another consumer comes whenever the first is away: what that one holds is not given to it, before and after a restart.</summary>
    [Test]
    public async Task What_one_receiver_holds_no_other_gets()
    {
        await Life.PublishAsync("shared", [.. Enumerable.Range(0, Messages).Select(static i => i.ToString(CultureInfo.InvariantCulture))]);
        var random = new Random(3);
        var receiver = new OnceReceiver("shared", messages: int.MaxValue);
        List<int> others = [];
        for (var round = 0; round < 6; round++)
        {
            await receiver.RunAsync(Life.Endpoint, random.Next(1, 60), StopOf(round));
            await LiveAgainAsync();
            await using var other = await RawPeer.BeginAsync(Life.Endpoint);
            await other.AttachReceiverAsync(0, "shared", credit: 5);
            for (var i = 0; i < 5; i++)
            {
                others.Add(int.Parse((await other.ReceiveAsync()).Body, CultureInfo.InvariantCulture));
            }

            await other.SendAsync(Frames.Settle(0, Accepted.Instance, last: 4, settled: false));
            Assert.That((await other.NextAsync<Disposition>()).LastOrFirst, Is.EqualTo(4));
        }

        receiver.Wanted = Messages - others.Count;
        await receiver.RunAsync(Life.Endpoint, int.MaxValue, GoOn);
        Assert.That(receiver.Processed.Concat(others), Is.Unique);
        Assert.That(receiver.Processed.Concat(others), Is.EquivalentTo(Enumerable.Range(0, Messages)));
    }

    /// <summary>A group of which a suspended link holds messages goes on, after a kill too, when they are done with, and not before.</summary>
    [Test]
    public async Task A_group_keeps_its_order_behind_what_a_killed_broker_held_for_a_link()
    {
        await using (var peer = await RawPeer.BeginAsync(Life.Endpoint, "holder"))
        {
            await PublishGroupAsync("grouped", "g", "g1", "g2", "g3");
            await PublishGroupAsync("grouped", "h", "h1");
            await peer.SendAsync(Holder(unsettled: null), Frames.Credit(0, 1));
            await peer.NextAsync<Attach>();
            Assert.That((await peer.ReceiveAsync()).Body, Is.EqualTo("g1"));
            await Life.Broker.KillAsync();
        }

        await Life.RestartAsync();
        Assert.That(Bodies(await Life.DrainAsync("grouped")), Is.EqualTo(new[] { "h1" }));
        await using (var peer = await RawPeer.BeginAsync(Life.Endpoint, "holder"))
        {
            // It comes back, has nothing, and wants nothing again.
            await peer.SendAsync(Holder(unsettled: new AmqpMap()));
            await peer.NextAsync<Attach>();
            await peer.SendAsync(Frames.Detach(0));
            await peer.NextAsync<Detach>();
        }

        Assert.That(Bodies(await Life.DrainAsync("grouped", atLeast: 3)), Is.EqualTo(new[] { "g1", "g2", "g3" }));
    }

    private static byte[] Holder(AmqpMap? unsettled) => Frames.Of(new Attach
    {
        Name = "holder",
        Handle = 0,
        Role = Role.Receiver,
        RcvSettleMode = ReceiverSettleMode.Second,
        Source = new Source { Address = "grouped", ExpiryPolicy = TerminusExpiryPolicy.Never, Durable = TerminusDurability.UnsettledState },
        Target = new Target { Address = "here" },
        Unsettled = unsettled,
    });

    private async Task PublishGroupAsync(string queue, string group, params string[] bodies)
    {
        await using var peer = await RawPeer.BeginAsync(Life.Endpoint);
        await peer.AttachSenderAsync(0, queue);
        for (var i = 0u; i < bodies.Length; i++)
        {
            var message = new AmqpMessage
            {
                Header = MessageHeader.Default with { Durable = true },
                Properties = new MessageProperties { GroupId = group },
                Body = new ValueBody(bodies[i]),
            };
            Assert.That(await peer.PublishAsync(0, i, message.Encode()), Is.InstanceOf<Accepted>());
        }
    }

    private static List<string> Bodies(List<ReceivedMessage> messages) => messages.ConvertAll(static m => m.Body);

    private static Task<bool> GoOn(RawPeer peer) => Task.FromResult(true);

    private Func<RawPeer, Task<bool>> StopOf(int round) => (round % 3) switch
    {
        // The connection goes without a word; the broker goes without a word; the connection is closed in order.
        0 => static peer =>
        {
            peer.Reset();
            return Task.FromResult(false);
        },
        1 => async _ =>
        {
            await Life.Broker.KillAsync();
            return true;
        },
        _ => static peer => peer.TrySendAsync(Frames.Close()),
    };

    private async Task LiveAgainAsync()
    {
        if (Life.Broker.HasExited)
        {
            await Life.RestartAsync();
        }
    }

    private static List<int> Numbers(List<ReceivedMessage> messages) =>
        messages.ConvertAll(static m => int.Parse(m.Body, CultureInfo.InvariantCulture));
}
