using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transactions;
using Mamba.Amqp.Transport;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Durability;

/// <summary>Several transactions of one link, of several connections, and of a peer that goes away, discharged at once.</summary>
[TestFixture]
internal sealed class OverlappingDischargeTests : MortalBroker
{
    [Test]
    public async Task Each_is_answered_for_itself_and_a_declare_behind_those_before_it()
    {
        await using var peer = await RawPeer.BeginAsync(Life.Endpoint);
        var work = await ReadyAsync(peer);
        var transactions = new List<byte[]>();
        for (var i = 0; i < 4; i++)
        {
            transactions.Add(await work.BeginAsync(0, $"{i}a", $"{i}b"));
        }

        var first = work.Discharge(transactions[0]);
        var fails = work.Discharge(transactions[1], fail: true);
        var second = work.Discharge(transactions[2]);
        var again = work.Discharge(transactions[0]);
        var declare = work.Declare();
        var third = work.Discharge(transactions[3]);
        await peer.SendAsync(first.Frame, fails.Frame, second.Frame, again.Frame, declare.Frame, third.Frame);
        var answers = await work.AnswersAsync(first.Id, fails.Id, second.Id, again.Id, declare.Id, third.Id);

        Assert.That(answers, Has.Count.EqualTo(6));
        Assert.That(State(first), Is.InstanceOf<Accepted>());
        Assert.That(State(fails), Is.InstanceOf<Accepted>());
        Assert.That(State(second), Is.InstanceOf<Accepted>());
        Assert.That(State(third), Is.InstanceOf<Accepted>());
        Assert.That((State(again) as Rejected)?.Error?.Condition, Is.EqualTo(ErrorCondition.TransactionUnknownId));
        Assert.That(State(declare), Is.InstanceOf<Declared>());
        Assert.That(Place(declare), Is.GreaterThan(Place(first)).And.GreaterThan(Place(second)));
        await peer.CloseAsync();
        Assert.That(await BodiesAsync(), Is.EqualTo(new[] { "0a", "0b", "2a", "2b", "3a", "3b" }));

        DeliveryState? State((uint Id, byte[] Frame) command) => answers.Find(answer => answer.Id == command.Id).State;

        int Place((uint Id, byte[] Frame) command) => answers.FindIndex(answer => answer.Id == command.Id);
    }

    [Test]
    public async Task What_was_sent_before_and_after_a_discharge_keeps_its_place()
    {
        await using var peer = await RawPeer.BeginAsync(Life.Endpoint);
        var work = await ReadyAsync(peer);
        for (var i = 0; i < 5; i++)
        {
            var transaction = await work.BeginAsync(0);
            var inside = work.Message(0, $"{i} inside", transaction, settled: true);
            var before = work.Message(0, $"{i} before", transaction: null, settled: true);
            var discharge = work.Discharge(transaction);
            var after = work.Message(0, $"{i} after", transaction: null, settled: true);
            await peer.SendAsync(inside, before, discharge.Frame, after);
            await work.AnswersAsync(discharge.Id);
        }

        await peer.CloseAsync();
        Assert.That(
            await BodiesAsync(atLeast: 15),
            Is.EqualTo(Enumerable.Range(0, 5).SelectMany(static i => new[] { $"{i} before", $"{i} inside", $"{i} after" })));
    }

    [Test]
    public async Task A_connection_lost_with_several_under_way_leaves_whole_ones_in_order()
    {
        const int Count = 10;
        await using (var peer = await RawPeer.BeginAsync(Life.Endpoint))
        {
            await DischargeAllAsync(peer, Count);
            peer.Reset();
        }

        Assert.That(Whole(await BodiesAsync()), Is.LessThanOrEqualTo(Count));
    }

    [Test]
    public async Task A_kill_with_several_under_way_keeps_all_that_were_answered_and_tears_none()
    {
        const int Count = 16;
        var answered = 0;
        await using (var peer = await RawPeer.BeginAsync(Life.Endpoint))
        {
            await DischargeAllAsync(peer, Count);
            answered += AnsweredBy(await peer.NextAsync<Disposition>());
            await Life.Broker.KillAsync();
            while (await peer.TryNextAsync() is { } frame)
            {
                answered += frame.Performative is Disposition disposition ? AnsweredBy(disposition) : 0;
            }
        }

        await Life.RestartAsync();
        Assert.That(Whole(await BodiesAsync()), Is.InRange(answered, Count));

        static int AnsweredBy(in Disposition disposition)
        {
            Assert.That(disposition.State, Is.InstanceOf<Accepted>());
            return (int)(disposition.LastOrFirst - disposition.First) + 1;
        }
    }

    [Test]
    public async Task Those_of_several_connections_do_not_wait_for_each_other()
    {
        const int Connections = 4;
        const int Each = 8;
        await Task.WhenAll(Enumerable.Range(0, Connections).Select(async c =>
        {
            await using var peer = await RawPeer.BeginAsync(Life.Endpoint);
            var work = await ReadyAsync(peer);
            for (var i = 0; i < Each; i++)
            {
                await work.CommitAsync(await work.BeginAsync(0, $"{c}.{i}.a", $"{c}.{i}.b"));
            }

            await peer.CloseAsync();
        }));
        var found = await BodiesAsync();
        Assert.That(found, Has.Count.EqualTo(Connections * Each * 2));
        for (var i = 0; i < found.Count; i += 2)
        {
            Assert.That(found[i + 1], Is.EqualTo(found[i].Replace(".a", ".b", StringComparison.Ordinal)), "both, one behind the other");
        }
    }

    [Test]
    public async Task One_that_is_too_old_refuses_sends_and_its_commit_and_nothing_else()
    {
        await StartAnotherAsync("limits.transactionTimeout=1 s");
        await using var peer = await RawPeer.BeginAsync(Life.Endpoint);
        var work = await ReadyAsync(peer);
        var transaction = await work.BeginAsync(0, "old");
        var began = TimeProvider.System.GetTimestamp();
        while (((await work.TrySendAsync(0, transaction, "late")) as Rejected)?.Error?.Condition != ErrorCondition.TransactionTimeout)
        {
            Assert.That(TimeProvider.System.GetElapsedTime(began), Is.LessThan(TimeSpan.FromSeconds(60)), "it never became too old");
        }

        var discharge = work.Discharge(transaction);
        await peer.SendAsync(discharge.Frame);
        var answer = (await work.AnswersAsync(discharge.Id))[0].State as Rejected;
        Assert.That(answer?.Error?.Condition, Is.EqualTo(ErrorCondition.TransactionRollback));
        await work.CommitAsync(await work.BeginAsync(0, "new"));
        await peer.CloseAsync();
        Assert.That(await BodiesAsync(), Is.EqualTo(new[] { "new" }));
    }

    private static async Task<TransactionLife> ReadyAsync(RawPeer peer)
    {
        var work = await TransactionLife.AttachAsync(peer);
        await peer.AttachSenderAsync(0, "target");
        return work;
    }

    /// <summary>Begins transactions of three messages each, and writes all their discharges at once.</summary>
    private static async Task DischargeAllAsync(RawPeer peer, int count)
    {
        var work = await ReadyAsync(peer);
        var transactions = new List<byte[]>();
        for (var i = 0; i < count; i++)
        {
            transactions.Add(await work.BeginAsync(0, $"{i}.0", $"{i}.1", $"{i}.2"));
        }

        await peer.SendAsync([.. transactions.Select(transaction => work.Discharge(transaction).Frame)]);
    }

    /// <summary>How many transactions there are of those that <see cref="DischargeAllAsync"/> began: the first ones, none torn.</summary>
    private static int Whole(List<string> bodies)
    {
        Assert.That(bodies.Count % 3, Is.Zero);
        Assert.That(bodies, Is.EqualTo(Enumerable.Range(0, bodies.Count).Select(static i => $"{i / 3}.{i % 3}")));
        return bodies.Count / 3;
    }

    private async Task<List<string>> BodiesAsync(int atLeast = 0) => (await Life.DrainAsync("target", atLeast)).ConvertAll(static message => message.Body);
}
