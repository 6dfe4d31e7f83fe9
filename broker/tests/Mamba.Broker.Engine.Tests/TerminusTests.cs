using System.Text;

namespace Mamba.Broker.Engine.Tests;

/// <summary>What suspended links hold, and what the journal knows of it.</summary>
[TestFixture]
internal sealed class TerminusTests
{
    private static readonly TerminusKey Outgoing = new("container", "user", "link", Incoming: false);
    private static readonly TerminusKey Incoming = new("container", "user", "link", Incoming: true);

    [Test]
    public async Task What_a_suspended_subscription_held_is_nobody_elses_and_is_taken_over_in_order()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        bed.PublishAll(queue, ["a", "b", "c", "d"]);
        bed.Publish(queue, "high", priority: 9);
        var first = TestBed.Consume(queue);
        Assert.That(Texts(first.TakeExactly(4)), Is.EqualTo(new[] { "high", "a", "b", "c" }));
        var held = first.Subscription.Suspend()!;
        Assert.That(held.Count, Is.EqualTo(4));
        Assert.That(first.Subscription.Suspend(), Is.Null, "it has ended");

        var second = TestBed.Consume(queue);
        Assert.That(Texts(second.TakeUpTo(10)), Is.EqualTo(new[] { "d" }));
        List<AcquiredMessage> taken = [];
        Assert.That(second.Subscription.Adopt(held, taken), Is.True);
        Assert.That(taken.ConvertAll(static m => m.Priority), Is.EqualTo(new byte[] { 9, 4, 4, 4 }));
        Assert.That(second.SettleAndWait(Settlement.Accept(taken[1].Token)), Is.EqualTo(SettleStatus.Settled));
        Release(taken);
        Assert.That(held.IsOver, Is.True);
        Assert.That(second.Subscription.Adopt(held, taken), Is.False, "nothing is left there");
        second.Close();
        Assert.That(bed.Drain("q"), Is.EqualTo(new[] { "high", "b", "c", "d" }));
    }

    [TestCase(SettleOnClose.Released, 0u)]
    [TestCase(SettleOnClose.Failed, 1u)]
    public async Task Released_messages_go_back_to_their_places(SettleOnClose mode, uint count)
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var held = Suspended(bed, queue, 2, "a", "b", "c");
        held.Release(mode);
        held.Release(mode);
        Assert.That(held.Count, Is.Zero);
        var found = TestBed.Consume(queue).TakeExactly(3);
        Assert.That(Texts(found), Is.EqualTo(new[] { "a", "b", "c" }));
        Assert.That(found.ConvertAll(static t => t.DeliveryCount), Is.EqualTo(new[] { count, count, 0u }));
    }

    [Test]
    public async Task A_suspended_subscription_counts_for_nothing()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        bed.PublishAll(queue, ["a", "b"]);
        var first = TestBed.Consume(queue, new SubscribeOptions { Exclusive = true });
        first.Take();
        first.Subscription.Suspend();
        Assert.That(queue.Describe().Consumers, Is.Zero);
        var second = TestBed.Consume(queue, new SubscribeOptions { Exclusive = true });
        Assert.That(second.Take().Text, Is.EqualTo("b"));
    }

    [Test]
    public async Task A_group_waits_for_what_is_held_of_it()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        PublishGroup(bed, queue, 7, "g1", "g2");
        bed.Publish(queue, "alone");
        var first = TestBed.Consume(queue);
        Assert.That(first.Take().Text, Is.EqualTo("g1"));
        var held = first.Subscription.Suspend()!;
        var second = TestBed.Consume(queue);
        Assert.That(Texts(second.TakeUpTo(10)), Is.EqualTo(new[] { "alone" }));
        List<AcquiredMessage> taken = [];
        second.Subscription.Adopt(held, taken);
        second.SettleAndWait(Settlement.Accept(taken[0].Token));
        Release(taken);
        Assert.That(second.Take().Text, Is.EqualTo("g2"));
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task A_group_waits_for_what_is_held_of_it_after_a_restart_too(bool isResumed)
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        PublishGroup(bed, queue, 7, "g1", "g2", "g3");
        PublishGroup(bed, queue, 8, "h1");
        var first = TestBed.Consume(queue);
        await bed.Engine.DefineTerminusAsync(Outgoing, default, first.Subscription);
        Hold(first, first.TakeExactly(2));
        await bed.CrashAsync();

        queue = bed.Engine.Find("q")!;
        var other = TestBed.Consume(queue);
        var selecting = TestBed.Consume(queue, new SubscribeOptions { Filter = new TextFilter("g") });
        Assert.That(Texts(other.TakeUpTo(10)), Is.EqualTo(new[] { "h1" }), "g3 comes behind what is held");
        Assert.That(selecting.TryTake(), Is.Null);
        selecting.Close();
        var terminus = bed.Engine.ListTermini().Single();
        if (!isResumed)
        {
            terminus.Recovered!.Release(SettleOnClose.Released);
            Assert.That(Texts(other.TakeExactly(3)), Is.EqualTo(new[] { "g1", "g2", "g3" }));
            return;
        }

        var back = TestBed.Consume(queue);
        List<AcquiredMessage> held = [];
        Assert.That(back.Subscription.Adopt(terminus.Recovered!, held), Is.True);
        Release(held);
        back.SettleAndWait(Settlement.Accept(held[0].Token));
        Assert.That((other.TryTake(), back.TryTake()), Is.EqualTo(((Taken?)null, (Taken?)null)));
        back.SettleAndWait(Settlement.Accept(held[1].Token));
        Assert.That(other.Take().Text, Is.EqualTo("g3"));
    }

    [Test]
    public async Task What_is_held_goes_with_its_queue()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var held = Suspended(bed, queue, 1, "a");
        await bed.Engine.DeleteAsync("q");
        Assert.That(held.IsOver, Is.True);
        var other = TestBed.Consume(await bed.QueueAsync());
        Assert.That(other.Subscription.Adopt(held, []), Is.False);
        held.Release(SettleOnClose.Released);
        Assert.That(bed.Drain("q"), Is.Empty);
    }

    [Test]
    public async Task Another_queues_messages_are_not_taken_over()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var held = Suspended(bed, queue, 1, "a");
        var other = TestBed.Consume(await bed.QueueAsync("other"));
        Assert.That(other.Subscription.Adopt(held, []), Is.False);
        Assert.That(held.Count, Is.EqualTo(1));
    }

    [Test]
    public async Task After_a_crash_what_was_said_to_be_held_is_held_and_the_rest_is_not()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        bed.PublishAll(queue, ["held", "released", "accepted", "not said"]);
        var first = TestBed.Consume(queue);
        await bed.Engine.DefineTerminusAsync(Outgoing, "settings"u8.ToArray(), first.Subscription);
        var taken = first.TakeExactly(4);
        Hold(first, taken[..3]);
        first.SettleAndWait(new Settlement(taken[1].Token, OutcomeKind.Modified, DeliveryFailed: true));
        first.SettleAndWait(Settlement.Accept(taken[2].Token));
        await bed.CrashAsync();

        var terminus = bed.Engine.ListTermini().Single();
        Assert.That(terminus.Key, Is.EqualTo(Outgoing));
        Assert.That(Encoding.UTF8.GetString(terminus.Settings.Span), Is.EqualTo("settings"));
        var second = TestBed.Consume(bed.Engine.Find("q")!);
        Assert.That(Texts(second.TakeUpTo(10)), Is.EqualTo(new[] { "released", "not said" }));
        List<AcquiredMessage> held = [];
        Assert.That(second.Subscription.Adopt(terminus.Recovered!, held), Is.True);
        Assert.That(held.ConvertAll(static m => m.MessageId), Is.EqualTo(new[] { taken[0].Raw.MessageId }), "the same number as before");
        bed.Engine.AttachTerminus(terminus, second.Subscription);
        Assert.That(second.SettleAndWait(Settlement.Accept(held[0].Token)), Is.EqualTo(SettleStatus.Settled));
        second.Close();
        await bed.RestartAsync();
        Assert.That(bed.Drain("q"), Is.EqualTo(new[] { "released", "not said" }));
    }

    /// <summary>The link that is resumed says that it does not know a message which was accepted: that must not come back.</summary>
    [Test]
    public async Task Who_takes_over_can_wait_until_what_was_settled_is_on_disk()
    {
        using var disk = new HeldDisk();
        await using var bed = new TestBed(options => options with { Sync = true, Files = disk });
        var queue = await bed.QueueAsync();
        bed.Publish(queue, "accepted");
        var first = TestBed.Consume(queue);
        await bed.Engine.DefineTerminusAsync(Outgoing, default, first.Subscription);
        var taken = first.Take();
        disk.Hold();
        try
        {
            first.Settle(Settlement.Accept(taken.Token));
            Assert.That(first.Subscription.Suspend()!.Count, Is.Zero, "it is on its way out");
            var settled = bed.Engine.WhenSettledAsync();
            disk.WaitUntilHeld();
            Assert.That(settled.IsCompleted, Is.False);
            disk.LetGo();
            await settled;
            Assert.That(queue.Describe().Depth, Is.Zero);
        }
        finally
        {
            disk.LetGo();
        }
    }

    [Test]
    public async Task What_is_held_again_after_a_restart_is_so_after_the_next()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        bed.Publish(queue, "a");
        var consumer = TestBed.Consume(queue);
        await bed.Engine.DefineTerminusAsync(Outgoing, default, consumer.Subscription);
        for (var round = 0; round < 3; round++)
        {
            var taken = consumer.Take();
            Hold(consumer, [taken]);
            await bed.CrashAsync();
            var terminus = bed.Engine.ListTermini().Single();
            Assert.That(terminus.Recovered!.Count, Is.EqualTo(1), $"round {round}");
            consumer = TestBed.Consume(bed.Engine.Find("q")!);
            Assert.That(consumer.TryTake(), Is.Null);
            List<AcquiredMessage> held = [];
            consumer.Subscription.Adopt(terminus.Recovered, held);
            bed.Engine.AttachTerminus(terminus, consumer.Subscription);
            consumer.SettleAndWait(new Settlement(held[0].Token, OutcomeKind.Released));
        }
    }

    [Test]
    public async Task A_terminus_that_was_deleted_holds_nothing_after_a_restart()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        bed.Publish(queue, "a");
        var first = TestBed.Consume(queue);
        var terminus = await bed.Engine.DefineTerminusAsync(Outgoing, default, first.Subscription);
        Hold(first, [first.Take()]);
        await bed.Engine.DeleteTerminusAsync(terminus);
        await bed.Engine.DeleteTerminusAsync(terminus);
        await bed.CrashAsync();
        Assert.That(bed.Engine.ListTermini(), Is.Empty);
        Assert.That(bed.Drain("q"), Is.EqualTo(new[] { "a" }));
    }

    [Test]
    public async Task Compaction_keeps_what_is_held_and_what_was_received()
    {
        await using var bed = new TestBed(static options => options with { SegmentBytes = 64 * 1024, CompactionMinSegments = 2 });
        var queue = await bed.QueueAsync();
        bed.PublishAll(queue, ["a", "b"]);
        var consumer = TestBed.Consume(queue);
        await bed.Engine.DefineTerminusAsync(Outgoing, default, consumer.Subscription);
        Hold(consumer, consumer.TakeExactly(2));
        var receipts = await ReceiptsAsync(bed);
        await StoreAsync(bed, receipts, "received", "tag"u8.ToArray());

        var filler = await bed.QueueAsync("filler");
        for (var i = 0; i < 60; i++)
        {
            bed.PublishAll(filler, [new string('x', 10_000)]);
            bed.Drain("filler");
        }

        await bed.Engine.CompactAsync();
        Assert.That(bed.Events.Count("segment"), Is.GreaterThan(0), "segments were given up");
        await bed.CrashAsync();
        var recovered = bed.Engine.ListTermini();
        Assert.That(recovered.Single(static t => !t.Key.Incoming).Recovered!.Count, Is.EqualTo(2));
        Assert.That(Tags(recovered.Single(static t => t.Key.Incoming).Receipts!), Is.EqualTo(new[] { "tag" }));
        Assert.That(bed.Drain("q"), Is.EqualTo(new[] { "received" }));
    }

    [Test]
    public async Task A_message_and_its_tag_are_stored_together_and_the_tag_goes_when_the_sender_settles()
    {
        await using var bed = new TestBed();
        await bed.QueueAsync();
        var receipts = await ReceiptsAsync(bed);
        await StoreAsync(bed, receipts, "one", "tag-1"u8.ToArray());
        await StoreAsync(bed, receipts, "two", "tag-2"u8.ToArray());
        receipts.Forget("tag-1"u8);
        receipts.Forget("unknown"u8);
        receipts.Flush();
        await bed.RestartAsync();

        receipts = bed.Engine.ListTermini().Single().Receipts!;
        Assert.That(Tags(receipts), Is.EqualTo(new[] { "tag-2" }));
        receipts.Forget("tag-2"u8);
        receipts.Flush();
        await StoreAsync(bed, receipts, "three", "tag-2"u8.ToArray());
        await bed.RestartAsync();
        Assert.That(Tags(bed.Engine.ListTermini().Single().Receipts!), Is.EqualTo(new[] { "tag-2" }), "a tag may be used again");
        Assert.That(bed.Drain("q"), Is.EqualTo(new[] { "one", "two", "three" }));
    }

    [Test]
    public async Task A_message_that_is_refused_leaves_no_tag()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("small", new NodeOptions { MaxMessages = 1 });
        var receipts = await ReceiptsAsync(bed);
        bed.Publish(queue, "first");
        var work = bed.Engine.BeginTransaction();
        Assert.That(receipts.Publish(work, queue, bed.Message("second"), default, "tag"u8), Is.EqualTo(PublishOutcome.RejectedFull));
        work.Rollback();
        Assert.That(receipts.List(), Is.Empty);
    }

    /// <summary>What a consumer holds that took so many of these messages, and was suspended.</summary>
    private static HeldMessages Suspended(TestBed bed, IMessageNode queue, int taken, params string[] texts)
    {
        bed.PublishAll(queue, [.. texts]);
        var consumer = TestBed.Consume(queue);
        consumer.TakeExactly(taken);
        return consumer.Subscription.Suspend()!;
    }

    private static async Task<ReceiptBook> ReceiptsAsync(TestBed bed) =>
        (await bed.Engine.DefineTerminusAsync(Incoming, default, subscription: null)).Receipts!;

    private static void PublishGroup(TestBed bed, IMessageNode queue, uint key, params string[] texts)
    {
        foreach (var text in texts)
        {
            var message = bed.Message(text);
            message.GroupKey = key;
            bed.PublishMessage(queue, message);
        }
    }

    private static async Task StoreAsync(TestBed bed, ReceiptBook receipts, string text, byte[] tag)
    {
        var work = bed.Engine.BeginTransaction();
        Assert.That(receipts.Publish(work, bed.Engine.Find("q")!, bed.Message(text), default, tag), Is.EqualTo(PublishOutcome.Accepted));
        var committed = new CommitRecorder();
        work.Commit(committed);
        Assert.That((await committed.Task).Outcome, Is.EqualTo(CommitOutcome.Committed));
    }

    private static void Hold(TestConsumer consumer, List<Taken> taken)
    {
        var stored = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        consumer.Subscription.Hold(taken.ConvertAll(static t => t.Token).ToArray(), stored.SetResult);
        Assert.That(stored.Task.Wait(TimeSpan.FromSeconds(60)) && stored.Task.GetAwaiter().GetResult(), Is.True);
    }

    private static void Release(List<AcquiredMessage> messages)
    {
        foreach (var message in messages)
        {
            message.Message?.Release();
        }
    }

    private static List<string> Texts(List<Taken> taken) => taken.ConvertAll(static t => t.Text);

    private static List<string> Tags(ReceiptBook receipts) => receipts.List().ConvertAll(Encoding.UTF8.GetString);
}
