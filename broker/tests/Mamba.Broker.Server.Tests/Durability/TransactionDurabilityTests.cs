using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Durability;

/// <summary>Transactions over three queues and kill -9: a committed one is there whole, an open one is not there at all.</summary>
[TestFixture]
internal sealed class TransactionDurabilityTests : MortalBroker
{
    private const uint ToFirst = 0;
    private const uint ToSecond = 1;
    private const uint From = 2;

    [SetUp]
    public Task FillThird() => Life.PublishAsync("third", "taken", "kept");

    [Test]
    public async Task A_committed_transaction_is_there_whole()
    {
        await using (var peer = await RawPeer.BeginAsync(Life.Endpoint))
        {
            var transactions = await MoveAsync(peer);
            await transactions.Work.CommitAsync(transactions.Id);
            await Life.KillAndRestartAsync();
        }

        await AssertHoldAsync(["a", "b"], ["c"], ["kept"]);
    }

    [Test]
    public async Task An_open_transaction_has_not_happened()
    {
        await using (var peer = await RawPeer.BeginAsync(Life.Endpoint))
        {
            await MoveAsync(peer);
            await Life.KillAndRestartAsync();
        }

        await AssertHoldAsync([], [], ["taken", "kept"]);
    }

    [Test]
    public async Task Of_two_transactions_the_committed_one_has_happened_and_the_open_one_has_not()
    {
        await using (var peer = await RawPeer.BeginAsync(Life.Endpoint))
        {
            var transactions = await MoveAsync(peer);
            var open = await transactions.Work.DeclareAsync();
            await transactions.Work.SendAsync(ToFirst, open, "never");
            await transactions.Work.CommitAsync(transactions.Id);
            await Life.KillAndRestartAsync();
        }

        await AssertHoldAsync(["a", "b"], ["c"], ["kept"]);
    }

    [Test]
    public async Task A_graceful_stop_rolls_an_open_transaction_back()
    {
        await using (var peer = await RawPeer.BeginAsync(Life.Endpoint))
        {
            await MoveAsync(peer);
            Assert.That(await Life.Broker.StopAsync(), Is.Zero, Life.Broker.Errors);
            await Life.RestartAsync();
        }

        await AssertHoldAsync([], [], ["taken", "kept"]);
    }

    /// <summary>Two messages to the first queue, one to the second, one taken from the third, in a transaction that stays open.</summary>
    private static async Task<(TransactionLife Work, byte[] Id)> MoveAsync(RawPeer peer)
    {
        var work = await TransactionLife.AttachAsync(peer);
        await peer.AttachSenderAsync(ToFirst, "first");
        await peer.AttachSenderAsync(ToSecond, "second");
        await peer.AttachReceiverAsync(From, "third", credit: 1);
        var taken = await peer.ReceiveAsync();
        var id = await work.DeclareAsync();
        await work.SendAsync(ToFirst, id, "a");
        await work.SendAsync(ToFirst, id, "b");
        await work.SendAsync(ToSecond, id, "c");
        await work.AcceptAsync(id, taken.DeliveryId);
        return (work, id);
    }

    private async Task AssertHoldAsync(string[] first, string[] second, string[] third)
    {
        Assert.That((await Life.DrainAsync("first")).ConvertAll(static m => m.Body), Is.EqualTo(first));
        Assert.That((await Life.DrainAsync("second")).ConvertAll(static m => m.Body), Is.EqualTo(second));
        Assert.That((await Life.DrainAsync("third")).ConvertAll(static m => m.Body), Is.EqualTo(third));
    }
}
