using System.Globalization;
using Mamba.Amqp.Transport;
using Mamba.Broker.Server.Tests.Peers;
using Mamba.Broker.Testing;

namespace Mamba.Broker.Server.Tests.Hostile;

/// <summary>
/// A valid conversation whose socket is cut behind every single byte of it: the broker ends the connection without a complaint,
/// and what was said whole until then, and nothing else, has happened.
/// </summary>
[TestFixture]
internal sealed class CutConnectionTests : RunningBroker
{
    private static readonly ParallelOptions AFew = new() { MaxDegreeOfParallelism = 8 };

    [Test]
    public async Task Ended_behind_every_byte_it_stores_whole_messages_and_takes_back_unanswered_ones()
    {
        var conversation = new RecordedConversation("cut.in", "cut.out"); // the model: all have the same length
        var cuts = Enumerable.Range(0, conversation.Working.Length + 1).ToArray();
        await FillAsync("cut.out", cuts.Length + AFew.MaxDegreeOfParallelism);
        var times = new AnswerTimes();
        await Parallel.ForEachAsync(Enumerable.Range(0, conversation.Opening.Length + 1), AFew, async (cut, _) =>
            await times.MeasureAsync(() => EndOpeningAsync(cut)));
        await Honest.AssertServedAsync();
        await Parallel.ForEachAsync(cuts, AFew, async (cut, _) =>
            await times.MeasureAsync(() => EndWorkingAsync(cut)));
        times.AssertWithinBound(conversation.Opening.Length + cuts.Length);

        var sent = cuts.Sum(conversation.MessagesSent);
        var left = cuts.Length + AFew.MaxDegreeOfParallelism - cuts.Sum(conversation.MessagesAccepted);
        await AssertHoldsAsync("cut.in", sent, sent);
        await AssertHoldsAsync("cut.out", left, left);
    }

    /// <summary>A reset may overtake what was sent before it, so that less may have happened, and never more.</summary>
    [Test]
    public async Task Reset_behind_every_byte_it_stores_nothing_but_whole_messages_and_loses_none()
    {
        var conversation = new RecordedConversation("reset.in", "reset.out"); // the model: all have the same length
        var cuts = Enumerable.Range(0, conversation.Working.Length + 1).ToArray();
        var filled = cuts.Length + AFew.MaxDegreeOfParallelism;
        await FillAsync("reset.out", filled);
        await Parallel.ForEachAsync(Enumerable.Range(0, conversation.Opening.Length + 1), AFew, async (cut, _) =>
        {
            await using var peer = await RecordedConversation.ConnectAsync(Endpoint);
            await peer.SendAsync(new RecordedConversation("reset.in", "reset.out").Opening[..cut]);
            peer.Reset();
        });
        await Honest.AssertServedAsync();
        await Parallel.ForEachAsync(cuts, AFew, async (cut, _) =>
        {
            await using var peer = await new RecordedConversation("reset.in", "reset.out").OpenAsync(Endpoint);
            await peer.SendAsync(conversation.Working[..cut]);
            peer.Reset();
        });

        await AssertHoldsAsync("reset.in", 0, cuts.Sum(conversation.MessagesSent));
        await AssertHoldsAsync("reset.out", filled - cuts.Sum(conversation.MessagesAccepted), filled);
    }

    private async Task EndOpeningAsync(int cut)
    {
        var conversation = new RecordedConversation("cut.in", "cut.out");
        await using var peer = await RecordedConversation.ConnectAsync(Endpoint);
        await peer.SendAsync(conversation.Opening[..cut]);
        peer.ShutdownSend();
        AssertNoComplaint(await peer.ReadToEndAsync());
    }

    private async Task EndWorkingAsync(int cut)
    {
        var conversation = new RecordedConversation("cut.in", "cut.out");
        await using var peer = await conversation.OpenAsync(Endpoint);
        await peer.SendAsync(conversation.Working[..cut]);
        peer.ShutdownSend();
        AssertNoComplaint(await peer.ReadToEndAsync());
    }

    private static void AssertNoComplaint(List<PeerFrame> answer)
    {
        var errors = answer.Select(static f => (f.Performative as Close)?.Error ?? (f.Performative as End)?.Error ?? (f.Performative as Detach)?.Error);
        Assert.That(errors.Where(static e => e is not null).Select(static e => e!.ToString()), Is.Empty);
    }

    private async Task FillAsync(string queue, int count)
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint, "filler");
        await peer.AttachSenderAsync(0, queue);
        Assert.That(count, Is.LessThan(1_000), "the credit there is");
        var messages = Enumerable.Range(0, count)
            .Select(static i => Frames.Transfer(0, (uint)i, Frames.Message(i.ToString(CultureInfo.InvariantCulture)), settled: true));
        await peer.SendAsync([.. messages]);
        await peer.CloseAsync();
    }

    private async Task AssertHoldsAsync(string queue, int atLeast, int atMost)
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint, "counter");
        var held = await QueueCounter.DrainAsync(peer, queue, atLeast);
        Assert.That(held, Has.Count.InRange(atLeast, atMost), queue);
        if (queue.EndsWith(".out", StringComparison.Ordinal))
        {
            Assert.That(held.Select(static m => m.Body), Is.Unique);
        }
        else
        {
            Assert.That(held.Select(static m => m.Body).Distinct(StringComparer.Ordinal), Is.SubsetOf([RecordedConversation.FirstBody, RecordedConversation.SecondBody]));
        }
    }
}
