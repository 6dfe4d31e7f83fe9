using System.Globalization;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Resumption;

/// <summary>Connections that end at every step of a conversation, before each frame of the client and after each of the broker.</summary>
[TestFixture]
internal sealed class CutResumptionTests() : RunningBroker("limits.maxMessageSize=1 MiB")
{
    private const int Messages = 4;

    [Test]
    public async Task A_sender_that_is_cut_before_any_of_its_frames_stores_each_message_once([Range(0, 14)] int step)
    {
        var sender = new OnceSender($"cut.sent.{step}", Messages, window: 2) { CutAt = step };
        await sender.RunAsync(Endpoint, int.MaxValue, GoOn);
        await FinishAsync(sender, $"cut.sent.{step}");
    }

    [Test]
    public async Task A_sender_that_is_cut_after_any_frame_of_the_broker_stores_each_message_once([Range(0, 5)] int step)
    {
        var sender = new OnceSender($"cut.answered.{step}", Messages, window: 2);
        await sender.RunAsync(Endpoint, step, Cut);
        await FinishAsync(sender, $"cut.answered.{step}");
    }

    [Test]
    public async Task A_receiver_that_is_cut_before_any_of_its_frames_processes_each_message_once([Range(0, 7)] int step)
    {
        var queue = $"cut.received.{step}";
        await FillAsync(queue);
        var receiver = new OnceReceiver(queue, Messages) { CutAt = step };
        await receiver.RunAsync(Endpoint, int.MaxValue, GoOn);
        await FinishAsync(receiver, queue);
    }

    [Test]
    public async Task A_receiver_that_is_cut_after_any_frame_of_the_broker_processes_each_message_once([Range(0, 8)] int step)
    {
        var queue = $"cut.delivered.{step}";
        await FillAsync(queue);
        var receiver = new OnceReceiver(queue, Messages);
        await receiver.RunAsync(Endpoint, step, Cut);
        await FinishAsync(receiver, queue);
    }

    private static Task<bool> GoOn(RawPeer peer) => Task.FromResult(true);

    private static Task<bool> Cut(RawPeer peer)
    {
        peer.Reset();
        return Task.FromResult(false);
    }

    private async Task FillAsync(string queue)
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachSenderAsync(0, queue);
        for (uint i = 0; i < Messages; i++)
        {
            await peer.PublishAsync(0, i, Frames.Message(i.ToString(CultureInfo.InvariantCulture), durable: true));
        }
    }

    private async Task FinishAsync(OnceSender sender, string queue)
    {
        sender.CutAt = int.MaxValue;
        await sender.RunAsync(Endpoint, int.MaxValue, GoOn);
        Assert.That(sender.IsDone, Is.True);
        Assert.That(await TakeAllAsync(queue, Messages), Is.EqualTo(Messages));
    }

    private async Task FinishAsync(OnceReceiver receiver, string queue)
    {
        receiver.CutAt = int.MaxValue;
        await receiver.RunAsync(Endpoint, int.MaxValue, GoOn);
        Assert.That(receiver.Processed, Is.Unique);
        Assert.That(receiver.Processed, Is.EquivalentTo(Enumerable.Range(0, Messages)));
        Assert.That(await TakeAllAsync(queue, 0), Is.Zero);
    }
}
