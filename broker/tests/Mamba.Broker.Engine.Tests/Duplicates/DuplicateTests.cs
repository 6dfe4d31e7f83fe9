namespace Mamba.Broker.Engine.Tests.Duplicates;

/// <summary>Messages with an id that was there before: left out, and said to be stored once the first one is.</summary>
internal sealed class DuplicateTests
{
    [Test]
    public async Task The_second_one_is_left_out([Values] bool durable, [Values] bool oneBatch)
    {
        await using var bed = DuplicateBed.Open();
        var queue = await bed.QueueAsync("once.q");
        var outcomes = oneBatch
            ? bed.Start(queue, [("a", "1"), ("b", "2"), ("a", "3")], durable).Wait()
            : [bed.Once(queue, "a", "1", durable), bed.Once(queue, "b", "2", durable), bed.Once(queue, "a", "3", durable)];
        Assert.That(outcomes, Is.EqualTo(new[] { PublishOutcome.Accepted, PublishOutcome.Accepted, PublishOutcome.Duplicate }));
        Assert.That(queue.Describe().Duplicates, Is.EqualTo(1));
        Assert.That(bed.Drain("once.q"), Is.EqualTo(new[] { "1", "2" }));
        Assert.That(bed.Once(queue, "b", "after it was consumed", durable), Is.EqualTo(PublishOutcome.Duplicate));
        Assert.That(bed.DepthOf("once.q"), Is.Zero);
    }

    [Test]
    public async Task Without_an_id_or_without_a_window_nothing_is_checked()
    {
        await using var bed = DuplicateBed.Open();
        var queue = await bed.QueueAsync("once.q");
        var plain = await bed.QueueAsync("plain");
        Assert.That(plain.Duplicates, Is.Null);
        bed.Publish(queue, "a");
        bed.Publish(queue, "a");
        var observer = new PublishRecorder(2);
        var batch = PublishBatch.Rent();
        batch.Add(plain, bed.Message("a"), observer, 0, queue.IdOf("a"));
        batch.Add(plain, bed.Message("a"), observer, 1, queue.IdOf("a"));
        bed.Engine.Publish(batch);
        Assert.That(observer.Wait(), Is.All.EqualTo(PublishOutcome.Accepted));
        Assert.That((bed.DepthOf("once.q"), bed.DepthOf("plain")), Is.EqualTo((2L, 2L)));
    }

    [Test]
    public async Task Each_address_has_its_own_window_and_each_kind_its_own_ids()
    {
        await using var bed = DuplicateBed.Open();
        var one = await bed.QueueAsync("once.1");
        var two = await bed.QueueAsync("once.2");
        Assert.That(new[] { bed.Once(one, "a"), bed.Once(two, "a"), bed.Once(one, "a"), bed.Once(two, "a") },
            Is.EqualTo(new[] { PublishOutcome.Accepted, PublishOutcome.Accepted, PublishOutcome.Duplicate, PublishOutcome.Duplicate }));
        Assert.That(one.Duplicates!.IdOf(0xa0, "a"u8), Is.Not.EqualTo(one.Duplicates.IdOf(0xa1, "a"u8)));
    }

    [Test]
    public async Task A_topic_checks_once_for_all_subscriptions()
    {
        await using var bed = DuplicateBed.Open();
        var topic = await bed.TopicAsync("once.t");
        Assert.That(bed.Once(topic, "nobody hears"), Is.EqualTo(PublishOutcome.Accepted));
        var first = TestBed.Consume(topic);
        var second = TestBed.Consume(topic);
        Assert.That(bed.Once(topic, "nobody hears"), Is.EqualTo(PublishOutcome.Duplicate), "it was accepted, although nobody was there");
        bed.Once(topic, "a");
        bed.Once(topic, "a");
        bed.Once(topic, "b");
        Assert.That(first.TakeExactly(2).ConvertAll(static one => one.Text), Is.EqualTo(new[] { "a", "b" }));
        Assert.That(second.TakeExactly(2).ConvertAll(static one => one.Text), Is.EqualTo(new[] { "a", "b" }));
        Assert.That(topic.Describe().Duplicates, Is.EqualTo(2));
    }

    [Test]
    public async Task The_window_holds_the_last_ones()
    {
        await using var bed = DuplicateBed.Open(window: 10);
        var queue = await bed.QueueAsync("once.q");
        bed.OnceEach(queue, Enumerable.Range(0, 15).Select(static i => $"{i}"));
        Assert.That(Enumerable.Range(5, 10).Select(i => bed.Once(queue, $"{i}")), Is.All.EqualTo(PublishOutcome.Duplicate));
        Assert.That(Enumerable.Range(0, 5).Select(i => bed.Once(queue, $"{i}")), Is.All.EqualTo(PublishOutcome.Accepted));
        Assert.That(bed.Once(queue, "9"), Is.EqualTo(PublishOutcome.Accepted), "the five new ones took its place");
    }

    [Test]
    public async Task After_its_time_an_id_is_free()
    {
        await using var bed = DuplicateBed.Open(seconds: 60);
        var queue = await bed.QueueAsync("once.q");
        bed.Once(queue, "a");
        bed.Clock.Advance(TimeSpan.FromSeconds(60));
        Assert.That(bed.Once(queue, "a"), Is.EqualTo(PublishOutcome.Duplicate));
        bed.Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.That(bed.Once(queue, "a"), Is.EqualTo(PublishOutcome.Accepted));
        Assert.That(bed.Once(queue, "a"), Is.EqualTo(PublishOutcome.Duplicate), "and taken again");
        bed.Clock.Advance(TimeSpan.FromSeconds(75));
        Assert.That((queue.Duplicates!.Count, queue.Duplicates.Footprint), Is.EqualTo((0, 0L)), "nobody asked, and it is forgotten all the same");
    }

    [Test]
    public async Task A_refused_message_leaves_its_id_free()
    {
        await using var bed = DuplicateBed.Open(more: static options => options with
        {
            Patterns = [new NodePattern("once.#", new NodeOptions { MaxMessages = 1, Duplicates = new DuplicateOptions() })],
        });
        var queue = await bed.QueueAsync("once.q");
        Assert.That(bed.OnceEach(queue, ["a", "b", "b", "a"]), Is.EqualTo(new[]
        {
            PublishOutcome.Accepted, PublishOutcome.RejectedFull, PublishOutcome.RejectedFull, PublishOutcome.Duplicate,
        }));
        Assert.That(bed.Once(queue, "a"), Is.EqualTo(PublishOutcome.Duplicate), "a duplicate needs no room");
        bed.Drain("once.q");
        Assert.That(bed.Once(queue, "b"), Is.EqualTo(PublishOutcome.Accepted));
    }

    [Test]
    public async Task What_the_broker_moves_or_repeats_is_no_duplicate()
    {
        await using var bed = DuplicateBed.Open();
        var queue = await bed.QueueAsync("once.q");
        bed.Once(queue, "a");
        var consumer = TestBed.Consume(queue);
        consumer.Settle(new Settlement(consumer.Take().Token, OutcomeKind.Modified, DeliveryFailed: true));
        var again = consumer.Take();
        Assert.That(again.DeliveryCount, Is.EqualTo(1));
        consumer.SettleAndWait(new Settlement(again.Token, OutcomeKind.Rejected));
        Assert.That(bed.DepthOf("DLQ.once.q"), Is.EqualTo(1));
        Assert.That(bed.Once(queue, "a"), Is.EqualTo(PublishOutcome.Duplicate), "where it is now does not matter");
    }

    [Test]
    public async Task A_schedule_is_one_message_however_often_it_delivers()
    {
        await using var bed = DuplicateBed.Open();
        var queue = await bed.QueueAsync("once.q");
        Assert.That(Enumerable.Range(0, 2).Select(_ =>
        {
            var observer = new PublishRecorder(1);
            var batch = PublishBatch.Rent();
            var message = bed.Message("tick");
            message.Schedule = new MessageSchedule { FirstAt = bed.Now + 1000, Period = 1000, Repeat = 2 };
            batch.Add(queue, message, observer, 0, queue.IdOf("a"));
            bed.Engine.Publish(batch);
            return observer.Wait()[0];
        }).ToArray(), Is.EqualTo(new[] { PublishOutcome.Accepted, PublishOutcome.Duplicate }));
        bed.UntilScheduled(1);
        var consumer = TestBed.Consume(queue);
        for (var i = 0; i < 3; i++)
        {
            bed.Clock.Advance(TimeSpan.FromSeconds(1));
            consumer.Accept(consumer.Take());
            bed.UntilScheduled(i < 2 ? 1 : 0);
        }

        Assert.That(consumer.TryTake(), Is.Null);
    }

    [Test]
    public async Task A_node_made_anew_knows_nothing_of_the_old_one()
    {
        await using var bed = DuplicateBed.Open();
        var queue = await bed.QueueAsync("once.q");
        bed.Once(queue, "a");
        await bed.Engine.DeleteAsync("once.q");
        Assert.That(bed.Once(queue, "a"), Is.EqualTo(PublishOutcome.NotFound));
        queue = await bed.QueueAsync("once.q");
        Assert.That(bed.Once(queue, "a"), Is.EqualTo(PublishOutcome.Accepted));
        await bed.RestartAsync();
        Assert.That(bed.Once(bed.Engine.Find("once.q")!, "a"), Is.EqualTo(PublishOutcome.Duplicate));
    }

    [Test]
    public async Task Many_senders_at_once_store_each_id_once()
    {
        await using var bed = DuplicateBed.Open(window: 100_000);
        var queue = await bed.QueueAsync("once.q");
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 4).Select(sender => Task.Run(() =>
        {
            var random = new Random(sender);
            var ids = Enumerable.Range(0, 2_000).Select(static i => $"{i}").ToArray();
            random.Shuffle(ids);
            return ids.Chunk(50).SelectMany(chunk => bed.OnceEach(queue, chunk)).ToArray();
        })));
        Assert.That(outcomes.SelectMany(static all => all).Count(static one => one == PublishOutcome.Accepted), Is.EqualTo(2_000));
        Assert.That(outcomes.SelectMany(static all => all).Count(static one => one == PublishOutcome.Duplicate), Is.EqualTo(6_000));
        Assert.That(bed.Drain("once.q"), Is.Unique.And.Count.EqualTo(2_000));
        Assert.That(queue.Describe().Duplicates, Is.EqualTo(6_000));
    }
}
