using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Durability;

/// <summary>
/// Senders that send again whatever was not answered before the broker was killed: every message arrives, and every one once. So an
/// accepted message's id is known after a restart, and an id without its message is not.
/// </summary>
[TestFixture]
internal sealed class KilledDuplicateTests() : MortalBroker("""addresses.rules=[{ "pattern": "once.#", "duplicates": { "window": 5000 } }]""")
{
    private const int Messages = 1_500;
    private const int Lives = 8;

    [Test]
    public async Task Every_message_arrives_once_however_often_the_broker_is_killed()
    {
        var accepted = new HashSet<int>();
        for (var life = 1; life <= Lives; life++)
        {
            var enough = life == Lives ? Messages : life * Messages / Lives;
            await using var peer = await BeginAsync();
            await SendAsync(peer, [.. Enumerable.Range(0, Messages).Where(i => !accepted.Contains(i))], accepted, enough, Plain);
            await Life.KillAndRestartAsync();
        }

        await AssertOnceAsync(accepted);
    }

    [Test]
    public async Task Every_message_of_a_transaction_arrives_once_however_often_the_broker_is_killed()
    {
        const int PerTransaction = 10;
        var done = new HashSet<int>();
        for (var life = 1; life <= Lives; life++)
        {
            await using var peer = await BeginAsync();
            var work = await TransactionLife.AttachAsync(peer);
            foreach (var unit in Enumerable.Range(0, Messages / PerTransaction / 5).Where(unit => !done.Contains(unit)).ToArray())
            {
                var id = await work.DeclareAsync();
                for (var i = 0; i < PerTransaction; i++)
                {
                    await work.PublishAsync(0, Plain((unit * PerTransaction) + i), id);
                }

                if (life < Lives && done.Count >= life * 3)
                {
                    // Killed while this commit is on its way: nobody knows what becomes of it.
                    await peer.SendAsync(work.Discharge(id).Frame);
                    break;
                }

                await work.CommitAsync(id);
                done.Add(unit);
            }

            await Life.KillAndRestartAsync();
        }

        await AssertOnceAsync([.. done.SelectMany(static unit => Enumerable.Range(unit * PerTransaction, PerTransaction))]);
    }

    /// <summary>What was sent is there once; when it is consumed and the broker is killed again, all of it is still known.</summary>
    private async Task AssertOnceAsync(HashSet<int> sent)
    {
        var left = await Life.DrainAsync("once.q", sent.Count);
        Assert.That(left.Select(static one => (int)(ulong)one.Message.Properties!.MessageId!), Is.EquivalentTo(sent));
        await Life.KillAndRestartAsync();
        await using (var peer = await BeginAsync())
        {
            var duplicates = new HashSet<int>();
            await SendAsync(peer, [.. sent], duplicates, sent.Count, Plain, onlyMarked: true);
            Assert.That(duplicates, Is.EquivalentTo(sent));
        }

        Assert.That(await Life.DrainAsync("once.q"), Is.Empty);
    }

    /// <summary>Sends all at once, and reads answers until so many are in.</summary>
    private static async Task SendAsync(RawPeer peer, int[] numbers, HashSet<int> answered, int enough, Func<int, byte[]> message, bool onlyMarked = false)
    {
        const int AtOnce = 400;
        var sent = 0;
        var heard = 0;
        while (heard < numbers.Length && answered.Count < enough)
        {
            while (sent < numbers.Length && sent - heard < AtOnce)
            {
                await peer.SendAsync(Frames.Transfer(0, (uint)sent, message(numbers[sent])));
                sent++;
            }

            var disposition = await peer.NextAsync<Disposition>();
            Assert.That(disposition.State, onlyMarked ? Is.InstanceOf<MarkedAccepted>() : Is.InstanceOf<Accepted>().Or.InstanceOf<MarkedAccepted>());
            for (var i = disposition.First; i <= (disposition.Last ?? disposition.First); i++)
            {
                answered.Add(numbers[i]);
                heard++;
            }
        }
    }

    private async Task<RawPeer> BeginAsync()
    {
        var peer = await RawPeer.BeginAsync(Life.Endpoint);
        await peer.SendAsync(Frames.Of(new Attach
        {
            Name = "sender",
            Handle = 0,
            Role = Role.Sender,
            Source = new Source { Address = "here" },
            Target = new Target { Address = "once.q" },
            InitialDeliveryCount = 0,
            DesiredCapabilities = [new Symbol("mamba:duplicate-mark")],
        }));
        await peer.NextAsync<Attach>();
        await peer.CreditAsync(0);
        return peer;
    }

    private static byte[] Plain(int number) => new AmqpMessage
    {
        Header = MessageHeader.Default with { Durable = true },
        Properties = new MessageProperties { MessageId = (ulong)number },
        Body = new ValueBody($"{number}"),
    }.Encode();
}
