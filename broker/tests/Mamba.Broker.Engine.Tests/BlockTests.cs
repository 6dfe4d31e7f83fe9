namespace Mamba.Broker.Engine.Tests;

/// <summary>Queues whose senders wait for room: how much credit they may have, and when they are told that there is more.</summary>
internal sealed class BlockTests
{
    private static readonly NodeOptions Tight = new() { MaxMessages = 8, Overflow = OverflowPolicy.Block };

    [Test]
    public async Task Without_such_a_limit_nobody_waits([Values] OverflowPolicy overflow)
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", new NodeOptions { Overflow = overflow, MaxMessages = overflow == OverflowPolicy.Block ? 0 : 1 });
        var producer = new Producer(queue);
        bed.PublishAll(queue, ["a", "b", "c"]);
        Assert.That((queue.CreditFor(producer), queue.IsBlocked, producer.Told), Is.EqualTo((long.MaxValue, false, 0)));
    }

    [Test]
    public async Task Credit_is_the_room_there_is_and_nothing_is_refused([Values] bool durable)
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", Tight);
        var producer = new Producer(queue);
        for (var i = 0; i < 8; i++)
        {
            Assert.That(queue.CreditFor(producer), Is.EqualTo(8 - i));
            bed.Publish(queue, "a", durable);
        }

        Assert.That((queue.CreditFor(producer), queue.IsBlocked, queue.Describe().Blocked), Is.EqualTo((0L, true, true)));
        Assert.That(bed.PublishAll(queue, ["b", "c"], durable), Is.All.EqualTo(PublishOutcome.Accepted));
        Assert.That(queue.Describe().Rejected, Is.Zero);
    }

    [Test]
    public async Task Senders_are_told_once_when_a_quarter_is_free()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", Tight);
        var one = new Producer(queue);
        var two = new Producer(queue);
        bed.PublishAll(queue, ["1", "2", "3", "4", "5", "6", "7", "8"]);
        Assert.That((queue.CreditFor(one), queue.CreditFor(two), queue.CreditFor(one)), Is.EqualTo((0L, 0L, 0L)));
        var consumer = TestBed.Consume(queue);
        var taken = consumer.TakeExactly(4);
        Assert.That(queue.IsBlocked, Is.True, "what is held takes room");
        consumer.SettleAndWait(Settlement.Accept(taken[0].Token));
        Assert.That((one.Told, two.Told, queue.CreditFor(one)), Is.EqualTo((0, 0, 0L)));
        consumer.SettleAndWait(Settlement.Accept(taken[1].Token));
        Assert.That((one.Told, two.Told), Is.EqualTo((1, 1)));
        Assert.That((queue.CreditFor(one), queue.IsBlocked), Is.EqualTo((1L, false)), "two of eight, shared by two");
        consumer.Accept(taken[2]);
        consumer.Accept(taken[3]);
        Assert.That(one.Told, Is.EqualTo(1), "nobody waits any more");
    }

    [Test]
    public async Task All_who_may_send_are_told_once_that_it_is_full()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", Tight);
        var one = new Producer(queue);
        var two = new Producer(queue);
        bed.PublishAll(queue, ["1", "2", "3", "4", "5", "6", "7"]);
        Assert.That((one.Filled, two.Filled), Is.EqualTo((0, 0)));
        bed.PublishAll(queue, ["8", "9"]);
        Assert.That((one.Filled, two.Filled), Is.EqualTo((1, 1)));
        Assert.That((queue.CreditFor(one), queue.CreditFor(two)), Is.EqualTo((0L, 0L)));
        bed.Drain("q");
        Assert.That((one.Told, two.Told), Is.EqualTo((1, 1)));
        bed.PublishAll(queue, ["1", "2", "3", "4", "5", "6", "7", "8"]);
        Assert.That((one.Filled, two.Filled), Is.EqualTo((2, 2)), "it is full again");
    }

    [Test]
    public async Task Those_who_send_to_a_topic_are_told_when_one_subscription_is_full()
    {
        await using var bed = new TestBed();
        var topic = await bed.TopicAsync("t", Tight);
        var producer = new Producer(topic);
        var slow = TestBed.Consume(topic);
        var quick = TestBed.Consume(topic);
        for (var i = 0; i < 8; i++)
        {
            Assert.That(producer.Filled, Is.Zero);
            bed.Publish(topic, "a");
            quick.Accept(quick.Take());
        }

        Assert.That((producer.Filled, topic.CreditFor(producer)), Is.EqualTo((1, 0L)));
        slow.Close();
        Assert.That((producer.Told, topic.CreditFor(producer)), Is.EqualTo((1, 8L)));
    }

    [Test]
    public async Task A_wildcard_subscription_that_is_full_is_told_to_those_who_send_to_its_topics()
    {
        await using var bed = new TestBed(static options => options with { Patterns = [new NodePattern("paint.#", Tight)] });
        var red = await bed.TopicAsync("paint.red");
        var blue = await bed.TopicAsync("paint.blue");
        var slow = TestBed.Consume(await bed.TopicAsync("paint.*"));
        var producers = new[] { new Producer(red), new Producer(blue), new Producer(blue), new Producer(await bed.TopicAsync("other", Tight)) };
        Assert.That((red.CreditFor(producers[0]), blue.CreditFor(producers[1]), blue.CreditFor(producers[2])), Is.EqualTo((8L, 4L, 4L)));
        blue.RemoveProducer(producers[2]);
        bed.PublishAll(red, ["1", "2", "3", "4", "5", "6", "7", "8"]);
        Assert.That(producers.Select(static one => one.Filled), Is.EqualTo(new[] { 1, 1, 0, 0 }));
        Assert.That((red.CreditFor(producers[0]), blue.CreditFor(producers[1])), Is.EqualTo((0L, 0L)));
        slow.Close();
        Assert.That(producers.Select(static one => one.Told), Is.EqualTo(new[] { 1, 1, 0, 0 }));
    }

    [Test]
    public async Task A_limit_of_one_opens_when_the_queue_is_empty()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", Tight with { MaxMessages = 1 });
        var producer = new Producer(queue);
        bed.Publish(queue, "a");
        Assert.That(queue.CreditFor(producer), Is.Zero);
        bed.Drain("q");
        Assert.That((producer.Told, queue.CreditFor(producer)), Is.EqualTo((1, 1L)));
    }

    [Test]
    public async Task Bytes_are_shared_by_the_size_of_what_is_there()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", new NodeOptions { MaxBytes = 1_000, Overflow = OverflowPolicy.Block });
        var producer = new Producer(queue);
        Assert.That(queue.CreditFor(producer), Is.InRange(1, 16), "nothing is known of their size");
        bed.PublishAll(queue, [new string('a', 100), new string('b', 300)]);
        Assert.That(queue.CreditFor(producer), Is.EqualTo(3));
        bed.Publish(queue, new string('c', 600));
        Assert.That(queue.CreditFor(producer), Is.Zero);
        Assert.That(await bed.Engine.PurgeAsync("q"), Is.EqualTo(3));
        Assert.That(producer.Told, Is.EqualTo(1));
    }

    [Test]
    public async Task Expiry_makes_room_too()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", Tight with { MaxMessages = 2, DeadLetterAddress = "" });
        var producer = new Producer(queue);
        bed.PublishAll(queue, ["a", "b"], ttl: 1_000);
        Assert.That(queue.CreditFor(producer), Is.Zero);
        bed.Clock.Advance(TimeSpan.FromSeconds(2));
        TestBed.WaitUntil(() => producer.Told == 1, "room");
    }

    [Test]
    public async Task A_transaction_takes_room_when_it_commits_and_none_when_it_is_rolled_back([Values] bool commits)
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", Tight);
        var producer = new Producer(queue);
        var work = bed.Engine.BeginTransaction();
        for (var i = 0; i < 20; i++)
        {
            Assert.That(work.AddPublish(queue, bed.Message("a")), Is.EqualTo(PublishOutcome.Accepted));
            Assert.That(queue.CreditFor(producer), Is.EqualTo(8), "it would wait for itself");
        }

        if (commits)
        {
            var done = new CommitRecorder();
            work.Commit(done);
            Assert.That((await done.Task).Outcome, Is.EqualTo(CommitOutcome.Committed));
            Assert.That(queue.CreditFor(producer), Is.Zero);
            bed.Drain("q");
            Assert.That(producer.Told, Is.EqualTo(1));
        }
        else
        {
            work.Rollback();
        }

        Assert.That(queue.CreditFor(producer), Is.EqualTo(8));
    }

    [Test]
    public async Task The_slowest_subscription_holds_the_topics_senders()
    {
        await using var bed = new TestBed();
        var topic = await bed.TopicAsync("t", Tight);
        var producer = new Producer(topic);
        Assert.That(topic.CreditFor(producer), Is.EqualTo(long.MaxValue), "nobody subscribes");
        var one = await bed.Engine.CreateOrFindSubscriptionAsync(new SubscriptionKey("c", "one", true), "t", new SubscriptionOptions());
        bed.PublishAll(topic, ["1", "2", "3", "4"]);
        var two = await bed.Engine.CreateOrFindSubscriptionAsync(new SubscriptionKey("c", "two", true), "t", new SubscriptionOptions());
        Assert.That(topic.CreditFor(producer), Is.EqualTo(4));
        bed.PublishAll(topic, ["5", "6", "7", "8"]);
        Assert.That((topic.CreditFor(producer), topic.IsBlocked), Is.EqualTo((0L, true)));
        await bed.Engine.PurgeSubscriptionAsync(one.Key);
        Assert.That((producer.Told, topic.CreditFor(producer)), Is.EqualTo((1, 4L)));
        bed.PublishAll(topic, ["1", "2", "3", "4"]);
        Assert.That(topic.CreditFor(producer), Is.Zero);
        await bed.Engine.DeleteSubscriptionAsync(two.Key);
        Assert.That((producer.Told, topic.CreditFor(producer)), Is.EqualTo((2, 4L)), "who unsubscribes holds nobody");
    }

    [Test]
    public async Task A_subscription_to_a_pattern_holds_the_senders_of_every_topic_it_takes_in()
    {
        await using var bed = new TestBed(static options => options with { DefaultNodeOptions = Tight });
        var topic = await bed.TopicAsync("a.b");
        var other = await bed.TopicAsync("c");
        await bed.Engine.GetOrCreateAsync("a.*", NodeKind.Topic);
        var all = await bed.Engine.CreateOrFindSubscriptionAsync(new SubscriptionKey("c", "all", true), "a.*", new SubscriptionOptions());
        var producer = new Producer(topic);
        bed.PublishAll(topic, ["1", "2", "3", "4", "5", "6", "7", "8"]);
        Assert.That((topic.CreditFor(producer), other.IsBlocked), Is.EqualTo((0L, false)));
        await bed.Engine.PurgeSubscriptionAsync(all.Key);
        Assert.That(producer.Told, Is.EqualTo(1));
    }

    [Test]
    public async Task A_sender_that_left_is_not_told()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", Tight with { MaxMessages = 1 });
        var producer = new Producer(queue);
        bed.Publish(queue, "a");
        Assert.That(queue.CreditFor(producer), Is.Zero);
        queue.RemoveProducer(producer);
        bed.Drain("q");
        Assert.That(producer.Told, Is.Zero);
    }

    [Test]
    public async Task A_deleted_queue_lets_everybody_go()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", Tight with { MaxMessages = 1 });
        var producer = new Producer(queue);
        bed.Publish(queue, "a");
        Assert.That(queue.CreditFor(producer), Is.Zero);
        await bed.Engine.DeleteAsync("q");
        Assert.That(producer.Deleted, Is.EqualTo(1));
    }

    [Test]
    public async Task After_a_crash_a_full_queue_is_blocked_until_there_is_room()
    {
        await using var bed = new TestBed();
        bed.PublishAll(await bed.QueueAsync("q", Tight), ["1", "2", "3", "4", "5", "6", "7", "8"]);
        await bed.CrashAsync();
        var queue = bed.Engine.Find("q")!;
        var producer = new Producer(queue);
        Assert.That(queue.CreditFor(producer), Is.Zero);
        bed.Drain("q");
        Assert.That((producer.Told, queue.CreditFor(producer)), Is.EqualTo((1, 8L)));
    }

    [Test]
    public async Task No_sender_is_forgotten_however_they_and_the_consumers_meet()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", Tight with { MaxMessages = 2 });
        const int senders = 4;
        const int each = 300;
        var sending = Enumerable.Range(0, senders).Select(_ => Task.Run(() =>
        {
            var producer = new Producer(queue);
            for (var i = 0; i < each; i++)
            {
                producer.WaitForCredit();
                bed.Publish(queue, "a", durable: false);
            }
        })).ToArray();
        var consumer = TestBed.Consume(queue);
        for (var i = 0; i < senders * each; i++)
        {
            consumer.Accept(consumer.Take());
        }

        await Task.WhenAll(sending).WaitAsync(TimeSpan.FromSeconds(60));
        Assert.That(queue.Describe().Depth, Is.Zero);
    }

    private sealed class Producer : IProducer
    {
        private readonly IMessageNode _node;
        private readonly SemaphoreSlim _room = new(0);
        private int _told;
        private int _filled;

        public Producer(IMessageNode node)
        {
            _node = node;
            node.AddProducer(this);
        }

        public int Told => Volatile.Read(ref _told);

        /// <summary>How often it was told that what it may still send is to be taken back.</summary>
        public int Filled => Volatile.Read(ref _filled);

        public int Deleted { get; private set; }

        public void OnNodeDeleted() => Deleted++;

        public void OnFull() => Interlocked.Increment(ref _filled);

        public void OnRoom()
        {
            Interlocked.Increment(ref _told);
            _room.Release();
        }

        public void WaitForCredit()
        {
            while (_node.CreditFor(this) == 0)
            {
                Assert.That(_room.Wait(TimeSpan.FromSeconds(60)), Is.True, "A sender was not told that there is room.");
            }
        }
    }
}
