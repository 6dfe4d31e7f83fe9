namespace Mamba.Broker.Engine.Tests;

/// <summary>Failed deliveries that somebody gives up while they wait for their next try.</summary>
[TestFixture]
internal sealed class RetryCancelTests
{
    private static readonly NodeOptions Backoff = new()
    {
        Retry = new RetryPolicy { InitialDelay = TimeSpan.FromSeconds(10), Jitter = 0, MaxDelay = TimeSpan.FromMinutes(1), Order = RetryOrder.Group },
    };

    [Test]
    public async Task It_is_dead_lettered_as_cancelled_and_no_other_is([Values] bool durable)
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", Backoff);
        bed.PublishAll(queue, ["a", "b", "c"], durable);
        var consumer = TestBed.Consume(queue);
        foreach (var taken in consumer.TakeExactly(2))
        {
            consumer.SettleAndWait(Failed(taken));
        }

        var waiting = Parked(bed);
        Assert.That(waiting, Has.Count.EqualTo(2));
        Assert.That(await bed.Engine.CancelScheduledAsync(waiting[0].Id), Is.False, "it is no schedule");
        Assert.That(await bed.Engine.CancelParkedAsync(waiting[0].Id), Is.True);
        Assert.That(await bed.Engine.CancelParkedAsync(waiting[0].Id), Is.False, "it is done already");
        Assert.That(bed.Drain("DLQ.q"), Is.EqualTo(new[] { "a|Cancelled,q,,1," }));
        Assert.That(Parked(bed).Select(static item => item.Id), Is.EqualTo(new[] { waiting[1].Id }));
        Assert.That(queue.Describe(), Has.Property("Depth").EqualTo(2).And.Property("DeadLettered").EqualTo(1));
        bed.Clock.Advance(TimeSpan.FromSeconds(10));
        Assert.That(consumer.TakeExactly(2).ConvertAll(static one => one.Text), Is.EqualTo(new[] { "b", "c" }));
    }

    [Test]
    public async Task It_is_on_disk_when_that_is_answered()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", Backoff);
        bed.PublishAll(queue, ["a", "b"]);
        var consumer = TestBed.Consume(queue);
        consumer.SettleAndWait(Failed(consumer.Take()));
        Assert.That(await bed.Engine.CancelParkedAsync(Parked(bed)[0].Id), Is.True);
        await bed.CrashAsync();
        Assert.That(Parked(bed), Is.Empty);
        Assert.That(bed.Drain("DLQ.q"), Is.EqualTo(new[] { "a|Cancelled,q,,1," }));
        Assert.That(bed.Drain("q"), Is.EqualTo(new[] { "b" }));
    }

    [Test]
    public async Task Where_there_are_no_dead_letters_it_is_removed()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", Backoff with { DeadLetterAddress = "" });
        bed.Publish(queue, "a");
        var consumer = TestBed.Consume(queue);
        consumer.SettleAndWait(Failed(consumer.Take()));
        Assert.That(await bed.Engine.CancelParkedAsync(Parked(bed)[0].Id), Is.True);
        Assert.That(queue.Describe(), Has.Property("Depth").EqualTo(0).And.Property("Parked").EqualTo(0));
        await bed.CrashAsync();
        bed.Clock.Advance(TimeSpan.FromSeconds(10));
        Assert.That(bed.Drain("q"), Is.Empty);
    }

    [Test]
    public async Task What_waited_behind_it_in_its_group_goes_on()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", Backoff);
        foreach (var text in (string[])["g1", "g2"])
        {
            var message = bed.Message(text);
            message.GroupKey = 7;
            bed.PublishMessage(queue, message);
        }

        var consumer = TestBed.Consume(queue);
        consumer.SettleAndWait(Failed(consumer.Take()));
        Assert.That(consumer.TryTake(), Is.Null);
        Assert.That(await bed.Engine.CancelParkedAsync(Parked(bed)[0].Id), Is.True);
        Assert.That(consumer.Take().Text, Is.EqualTo("g2"));
    }

    [Test]
    public async Task A_delayed_message_or_one_in_line_is_not_meant()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", Backoff);
        bed.Publish(queue, "delayed", delay: 1_000);
        bed.Publish(queue, "a");
        var consumer = TestBed.Consume(queue);
        var taken = consumer.Take();
        Assert.That(await bed.Engine.CancelParkedAsync(taken.Raw.MessageId), Is.False);
        consumer.Settle(new Settlement(taken.Token, OutcomeKind.Released));
        Assert.That(await bed.Engine.CancelParkedAsync(taken.Raw.MessageId), Is.False);
        Assert.That(await bed.Engine.CancelParkedAsync(bed.Engine.QueryScheduled(new ScheduledQuery()).Items[0].Id), Is.False);
        Assert.That(bed.DepthOf("q"), Is.EqualTo(2));
    }

    private static Settlement Failed(Taken taken) => new(taken.Token, OutcomeKind.Modified, DeliveryFailed: true);

    private static IReadOnlyList<ScheduledMessage> Parked(TestBed bed) =>
        bed.Engine.QueryScheduled(new ScheduledQuery { Address = "q", Kind = ScheduledKind.Parked }).Items;
}
