namespace Mamba.Broker.Engine.Tests;

/// <summary>With the order "group" what is behind a parked message in its group waits, and everything else flows on.</summary>
[TestFixture]
internal sealed class RetryOrderTests
{
    private static readonly NodeOptions Ordered = new()
    {
        Retry = new RetryPolicy { InitialDelay = TimeSpan.FromSeconds(1), Jitter = 0, Order = RetryOrder.Group },
    };

    [Test]
    public async Task A_group_waits_behind_its_failed_message_and_others_flow_on([Values] bool durable)
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", Ordered);
        Send(bed, queue, durable, "a1", "a2", "b1", "-x", "a3", "b2");
        var consumer = TestBed.Consume(queue);
        consumer.SettleAndWait(Failed(consumer.Take()));
        Assert.That(AcceptAll(consumer), Is.EqualTo(new[] { "b1", "-x", "b2" }));
        Send(bed, queue, durable, "a4", "b3");
        Assert.That(AcceptAll(consumer), Is.EqualTo(new[] { "b3" }));
        bed.Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.That(AcceptAll(consumer), Is.EqualTo(new[] { "a1", "a2", "a3", "a4" }));
    }

    [Test]
    public async Task In_free_order_the_group_flows_on()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", Ordered with { Retry = Ordered.Retry! with { Order = RetryOrder.Free } });
        Send(bed, queue, durable: true, "a1", "a2");
        var consumer = TestBed.Consume(queue);
        consumer.SettleAndWait(Failed(consumer.Take()));
        Assert.That(AcceptAll(consumer), Is.EqualTo(new[] { "a2" }));
    }

    [Test]
    public async Task What_stands_before_a_parked_message_does_not_wait_for_it()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", Ordered);
        Send(bed, queue, durable: true, "a1", "a2", "a3");
        var consumer = TestBed.Consume(queue);
        var taken = consumer.TakeExactly(3);
        consumer.SettleAndWait(Failed(taken[1]));
        consumer.Settle(new Settlement(taken[2].Token, OutcomeKind.Released));
        consumer.Settle(new Settlement(taken[0].Token, OutcomeKind.Released));
        Assert.That(AcceptAll(consumer), Is.EqualTo(new[] { "a1" }));
        bed.Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.That(AcceptAll(consumer), Is.EqualTo(new[] { "a2", "a3" }));
    }

    [Test]
    public async Task What_expired_while_it_was_held_is_dead_lettered_when_it_fails_and_holds_nothing_up([Values] bool durable)
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", Ordered);
        Assert.That(bed.PublishMessage(queue, Message(bed, "a1", durable, ttl: 500)), Is.EqualTo(PublishOutcome.Accepted));
        Send(bed, queue, durable, "a2");
        var consumer = TestBed.Consume(queue);
        var held = consumer.Take();
        bed.Clock.Advance(TimeSpan.FromMilliseconds(600));
        consumer.SettleAndWait(Failed(held));

        // Time stands still from here: nothing waits for a timer.
        Assert.That(AcceptAll(consumer), Is.EqualTo(new[] { "a2" }));
        Assert.That(bed.Drain("DLQ.q"), Is.EqualTo(new[] { "a1|Expired,q,,1," }));
    }

    [Test]
    public async Task Order_holds_among_several_that_are_parked()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", Ordered);
        Send(bed, queue, durable: true, "a1", "a2", "a3");
        var consumer = TestBed.Consume(queue);
        var taken = consumer.TakeExactly(3);
        consumer.SettleAndWait(Failed(taken[2]));
        consumer.SettleAndWait(Failed(taken[1]));
        consumer.SettleAndWait(Failed(taken[0]) with { RetryAt = bed.Now + 5_000 });
        bed.Clock.Advance(TimeSpan.FromSeconds(2));
        Assert.That(consumer.TryTake(), Is.Null, "the first is the last to fall due");
        bed.Clock.Advance(TimeSpan.FromSeconds(3));
        Assert.That(AcceptAll(consumer), Is.EqualTo(new[] { "a1", "a2", "a3" }));
    }

    [Test]
    public async Task It_holds_over_a_crash()
    {
        await using var bed = new TestBed(static options => options with { DefaultNodeOptions = Ordered });
        var queue = await bed.QueueAsync();
        Send(bed, queue, durable: true, "a1", "a2", "b1");
        var consumer = TestBed.Consume(queue);
        consumer.SettleAndWait(Failed(consumer.Take()));
        await bed.CrashAsync();
        consumer = TestBed.Consume(bed.Engine.Find("q")!);
        Assert.That(AcceptAll(consumer), Is.EqualTo(new[] { "b1" }));
        bed.Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.That(AcceptAll(consumer), Is.EqualTo(new[] { "a1", "a2" }));
    }

    [Test]
    public async Task A_group_goes_on_when_its_parked_message_expires()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", Ordered with { ExpiryAddress = "expired" });
        bed.PublishMessage(queue, Message(bed, "a1", durable: true, ttl: 500));
        Send(bed, queue, durable: true, "a2");
        var consumer = TestBed.Consume(queue);
        consumer.SettleAndWait(Failed(consumer.Take()));
        Assert.That(consumer.TryTake(), Is.Null);
        bed.Clock.Advance(TimeSpan.FromMilliseconds(500));
        Assert.That(consumer.Take().Text, Is.EqualTo("a2"));
    }

    [Test]
    public async Task A_group_goes_on_when_its_message_is_dead_lettered()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", Ordered with { MaxDeliveries = 2 });
        Send(bed, queue, durable: true, "a1", "a2");
        var consumer = TestBed.Consume(queue);
        consumer.SettleAndWait(Failed(consumer.Take()));
        bed.Clock.Advance(TimeSpan.FromSeconds(1));
        consumer.SettleAndWait(Failed(consumer.Take()));
        Assert.That(AcceptAll(consumer), Is.EqualTo(new[] { "a2" }));
        Assert.That(bed.Drain("DLQ.q"), Has.Count.EqualTo(1));
    }

    [Test]
    public async Task A_group_waits_also_while_its_failed_message_is_being_read_or_rewritten()
    {
        using var disk = new HeldDisk();
        await using var bed = new TestBed(options => options with { Files = disk, Sync = true });
        var queue = await bed.QueueAsync("q", Ordered);
        Send(bed, queue, durable: true, "a1", "a2");
        var consumer = TestBed.Consume(queue);
        var first = consumer.Take();
        disk.Hold();
        var recorder = new SettleRecorder(1);
        consumer.Subscription.Settle([Failed(first) with { MessageAnnotations = "x"u8.ToArray() }], recorder);
        disk.WaitUntilHeld();
        Assert.That(consumer.TryTake(), Is.Null, "it is on its way to the disk");
        disk.LetGo();
        recorder.Wait();
        Assert.That(consumer.TryTake(), Is.Null, "it is parked");
        bed.Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.That(AcceptAll(consumer), Is.EqualTo(new[] { "a1+x", "a2" }));
    }

    [Test]
    public async Task A_group_that_waits_passes_to_the_next_consumer_in_order()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", Ordered);
        Send(bed, queue, durable: true, "a1", "a2", "a3");
        var one = TestBed.Consume(queue);
        one.SettleAndWait(Failed(one.Take()));
        Assert.That(one.TryTake(), Is.Null);
        var two = TestBed.Consume(queue);
        Assert.That(two.TryTake(), Is.Null);
        one.Close();
        Assert.That(two.TryTake(), Is.Null);
        bed.Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.That(AcceptAll(two), Is.EqualTo(new[] { "a1", "a2", "a3" }));
    }

    [Test]
    public async Task A_filtering_consumer_waits_as_well()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", Ordered);
        Send(bed, queue, durable: true, "a1", "a2", "b1");
        var consumer = TestBed.Consume(queue, new SubscribeOptions { Filter = new TextFilter(string.Empty) });
        consumer.SettleAndWait(Failed(consumer.Take()));
        Assert.That(consumer.Take().Text, Is.EqualTo("b1"));
        Assert.That(consumer.TryTake(), Is.Null);
        bed.Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.That(consumer.TakeExactly(2).Select(static taken => taken.Text), Is.EqualTo(new[] { "a1", "a2" }));
    }

    [Test]
    public async Task Each_group_is_seen_in_order_whatever_fails([Range(1, 20)] int seed)
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", Ordered with { MaxDeliveries = 0 });
        var random = new Random(seed);
        var texts = Enumerable.Range(0, 120).Select(number => $"{(char)('a' + random.Next(4))}{number:D3}").ToArray();
        Send(bed, queue, durable: false, texts);
        List<TestConsumer> consumers = [TestBed.Consume(queue), TestBed.Consume(queue)];
        var done = new List<string>();
        for (var step = 0; done.Count < texts.Length; step++)
        {
            Assert.That(step, Is.LessThan(20_000), "it does not come to an end");
            var consumer = consumers[random.Next(consumers.Count)];
            if (random.Next(50) == 0)
            {
                consumers.Remove(consumer);
                consumer.Close();
                consumers.Add(TestBed.Consume(queue));
            }
            else if (consumer.TryTake() is not { } taken)
            {
                bed.Clock.Advance(TimeSpan.FromMilliseconds(random.Next(1, 700)));
            }
            else if (random.Next(3) == 0)
            {
                consumer.SettleAndWait(random.Next(2) == 0 ? Failed(taken) : new Settlement(taken.Token, OutcomeKind.Released));
            }
            else
            {
                consumer.Accept(taken);
                done.Add(taken.Text);
            }
        }

        foreach (var group in done.GroupBy(static text => text[0]))
        {
            Assert.That(group, Is.Ordered.Using((IComparer<string>)StringComparer.Ordinal), $"group {group.Key}");
        }
    }

    private static Settlement Failed(Taken taken) => new(taken.Token, OutcomeKind.Modified, DeliveryFailed: true);

    private static List<string> AcceptAll(TestConsumer consumer)
    {
        var texts = new List<string>();
        while (consumer.TryTake() is { } taken)
        {
            texts.Add(taken.Text);
            consumer.SettleAndWait(Settlement.Accept(taken.Token));
        }

        return texts;
    }

    /// <summary>Publishes messages whose first letter is their group; "-" is none.</summary>
    private static void Send(TestBed bed, IMessageNode queue, bool durable, params string[] texts)
    {
        foreach (var text in texts)
        {
            Assert.That(bed.PublishMessage(queue, Message(bed, text, durable)), Is.EqualTo(PublishOutcome.Accepted));
        }
    }

    private static StoredMessage Message(TestBed bed, string text, bool durable, long ttl = 0)
    {
        var message = bed.Message(text, durable, ttl: ttl);
        message.GroupKey = text[0] == '-' ? 0u : text[0];
        return message;
    }
}
