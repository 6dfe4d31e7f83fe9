using System.Globalization;

namespace Mamba.Broker.Engine.Tests;

/// <summary>Topics that keep their last messages: what a subscription that comes later gets, and in which order.</summary>
internal sealed class RetentionTests
{
    private static readonly SubscriptionKey Key = new("client", "late", Durable: true);

    private static TestBed BedThatKeeps(int count, long bytes = 1024 * 1024, int maxMessages = 0) => new(options => options with
    {
        Patterns = [new NodePattern("t.#", new NodeOptions { Retain = count, RetainBytes = bytes, MaxMessages = maxMessages })],
    });

    private static List<string> Texts(TestConsumer consumer) => consumer.TakeUpTo(10_000).ConvertAll(static one => one.Text);

    /// <summary>That a message gave way is written without waiting; what is stored behind it is not answered before.</summary>
    private static async Task QuietAsync(TestBed bed) => bed.Publish(await bed.QueueAsync("quiet"), "last");

    [Test]
    public async Task A_late_subscription_gets_the_last_ones_first_and_then_live_ones([Values] bool durable)
    {
        await using var bed = BedThatKeeps(3);
        var topic = await bed.TopicAsync("t.a");
        bed.PublishAll(topic, ["1", "2", "3", "4", "5"], durable);
        var early = TestBed.Consume(topic);
        bed.Publish(topic, "6", durable);
        var late = TestBed.Consume(topic);
        bed.Publish(topic, "7", durable);
        Assert.That(Texts(early), Is.EqualTo(new[] { "3", "4", "5", "6", "7" }));
        Assert.That(Texts(late), Is.EqualTo(new[] { "4", "5", "6", "7" }));
        var first = TestBed.Consume(topic).Take();
        Assert.That((first.FirstAcquirer, first.DeliveryCount), Is.EqualTo((true, 0u)));
    }

    [Test]
    public async Task Topics_without_the_setting_temporary_ones_and_queues_keep_nothing()
    {
        await using var bed = BedThatKeeps(3);
        var plain = await bed.TopicAsync("plain");
        bed.Publish(plain, "1");
        Assert.That(TestBed.Consume(plain).TryTake(), Is.Null);
        var queue = await bed.QueueAsync("t.queue");
        bed.PublishAll(queue, ["1", "2", "3", "4"]);
        Assert.That(bed.Drain("t.queue"), Has.Count.EqualTo(4));
    }

    [Test]
    public async Task Bytes_are_bounded_too()
    {
        await using var bed = BedThatKeeps(100, bytes: 1024);
        var topic = await bed.TopicAsync("t.a");
        for (var i = 0; i < 20; i++)
        {
            bed.Publish(topic, $"{i}".PadLeft(300));
        }

        Assert.That(Texts(TestBed.Consume(topic)).ConvertAll(static text => text.Trim()), Is.EqualTo(new[] { "17", "18", "19" }));
        bed.Publish(topic, new string('x', 5000));
        Assert.That(Texts(TestBed.Consume(topic)), Is.Empty, "what does not fit at all is not kept");
    }

    [Test]
    public async Task Durable_ones_survive_in_their_order_and_others_do_not([Values] bool crash)
    {
        await using var bed = BedThatKeeps(3);
        var topic = await bed.TopicAsync("t.a");
        bed.Publish(topic, "1");
        bed.Publish(topic, "in memory", durable: false);
        bed.PublishAll(topic, ["2", "3"]);
        Assert.That(Texts(TestBed.Consume(topic)), Is.EqualTo(new[] { "in memory", "2", "3" }));
        bed.Publish(topic, "4");
        await QuietAsync(bed);
        await (crash ? bed.CrashAsync() : bed.RestartAsync());
        topic = bed.Engine.Find("t.a")!;
        Assert.That(Texts(TestBed.Consume(topic)), Is.EqualTo(new[] { "2", "3", "4" }));
        bed.Publish(topic, "5");
        bed.Publish(topic, "6");
        Assert.That(Texts(TestBed.Consume(topic)), Is.EqualTo(new[] { "4", "5", "6" }));
    }

    [Test]
    public async Task A_durable_subscription_keeps_what_it_was_given_at_first_and_gets_it_once([Values] bool crash)
    {
        await using var bed = BedThatKeeps(3);
        var topic = await bed.TopicAsync("t.a");
        bed.PublishAll(topic, ["1", "2", "3", "4"]);
        bed.Publish(topic, "in memory", durable: false);
        await bed.Engine.CreateOrFindSubscriptionAsync(Key, "t.a", new SubscriptionOptions());
        bed.PublishAll(topic, ["5", "6", "7", "8", "9"]);
        await bed.Engine.CreateOrFindSubscriptionAsync(Key, "t.a", new SubscriptionOptions());
        await QuietAsync(bed);
        await (crash ? bed.CrashAsync() : bed.RestartAsync());
        var consumer = TestBed.Consume(bed.Engine.FindSubscription(Key)!);
        var taken = consumer.TakeExactly(7);
        Assert.That(taken.ConvertAll(static one => one.Text), Is.EqualTo(new[] { "3", "4", "5", "6", "7", "8", "9" }));
        foreach (var one in taken[..3])
        {
            Assert.That(consumer.SettleAndWait(Settlement.Accept(one.Token)), Is.EqualTo(SettleStatus.Settled));
        }

        await bed.CrashAsync();
        Assert.That(Texts(TestBed.Consume(bed.Engine.FindSubscription(Key)!)), Is.EqualTo(new[] { "6", "7", "8", "9" }));
    }

    [Test]
    public async Task A_filter_and_the_limit_of_a_subscription_hold_for_what_is_kept()
    {
        await using var bed = BedThatKeeps(5, maxMessages: 2);
        var topic = await bed.TopicAsync("t.a");
        bed.PublishAll(topic, ["red1", "blue1", "red2", "blue2", "red3"]);
        var filter = new TextFilter("red");
        var red = await bed.Engine.CreateOrFindSubscriptionAsync(Key, "t.a", new SubscriptionOptions { Filter = filter, FilterDefinition = filter.Definition });
        Assert.That(Texts(TestBed.Consume(red)), Is.EqualTo(new[] { "red2", "red3" }));
        Assert.That(Texts(TestBed.Consume(topic, new SubscribeOptions { Filter = new TextFilter("blue") })), Is.EqualTo(new[] { "blue1", "blue2" }));
    }

    [Test]
    public async Task A_pattern_gets_what_all_its_topics_keep_in_one_order()
    {
        await using var bed = BedThatKeeps(2);
        var a = await bed.TopicAsync("t.a");
        var b = await bed.TopicAsync("t.b");
        bed.Publish(a, "a1");
        bed.Publish(b, "b1");
        bed.Publish(a, "a2");
        bed.Publish(a, "a3");
        bed.Publish(b, "b2");
        Assert.That(Texts(TestBed.Consume(await bed.TopicAsync("t.*"))), Is.EqualTo(new[] { "b1", "a2", "a3", "b2" }));
        Assert.That(Texts(TestBed.Consume(await bed.TopicAsync("other.#"))), Is.Empty);
        await bed.Engine.CreateOrFindSubscriptionAsync(Key, "t.#", new SubscriptionOptions());
        await bed.CrashAsync();
        Assert.That(Texts(TestBed.Consume(bed.Engine.FindSubscription(Key)!)), Is.EqualTo(new[] { "b1", "a2", "a3", "b2" }));
    }

    [Test]
    public async Task What_expired_is_not_given_any_more()
    {
        await using var bed = BedThatKeeps(3);
        var topic = await bed.TopicAsync("t.a");
        bed.Publish(topic, "short", ttl: 1000);
        bed.Publish(topic, "long");
        bed.Clock.Advance(TimeSpan.FromSeconds(2));
        Assert.That(Texts(TestBed.Consume(topic)), Is.EqualTo(new[] { "long" }));
    }

    [Test]
    public async Task A_transaction_that_is_open_reaches_who_subscribes_before_its_commit_and_who_comes_after([Values] bool commits)
    {
        await using var bed = BedThatKeeps(3);
        var topic = await bed.TopicAsync("t.a");
        bed.Publish(topic, "1");
        var unit = bed.Engine.BeginTransaction();
        Assert.That(unit.AddPublish(topic, bed.Message("2")), Is.EqualTo(PublishOutcome.Accepted));
        var between = TestBed.Consume(topic);
        Assert.That(between.Take().Text, Is.EqualTo("1"));
        var ended = new CommitRecorder();
        if (commits)
        {
            unit.Commit(ended);
            Assert.That((await ended.Task).Outcome, Is.EqualTo(CommitOutcome.Committed));
        }
        else
        {
            unit.Rollback();
        }

        bed.Publish(topic, "3");
        Assert.That(Texts(between), Is.EqualTo(commits ? new[] { "2", "3" } : ["3"]));
        Assert.That(Texts(TestBed.Consume(topic)), Is.EqualTo(commits ? new[] { "1", "2", "3" } : ["1", "3"]));
    }

    [Test]
    public async Task Joining_beside_a_publisher_leaves_no_gap_and_gives_nothing_twice()
    {
        const int Messages = 600;
        await using var bed = BedThatKeeps(10);
        var topic = await bed.TopicAsync("t.a");
        var published = 0;
        var publishing = Task.Run(() =>
        {
            for (var i = 0; i < Messages; i += 3)
            {
                bed.PublishAll(topic, [$"{i}", $"{i + 1}", $"{i + 2}"], durable: i % 4 != 0);
                Volatile.Write(ref published, i + 3);
            }
        });
        var joined = new List<(TestConsumer Consumer, int Before, int After)>();
        while (!publishing.IsCompleted && joined.Count < 60)
        {
            var before = Volatile.Read(ref published);
            var consumer = TestBed.Consume(joined.Count % 4 == 0 ? await bed.TopicAsync("t.*") : topic);
            joined.Add((consumer, before, Volatile.Read(ref published)));
            before = Volatile.Read(ref published);
            var key = new SubscriptionKey("c", $"{joined.Count}", Durable: true);
            consumer = TestBed.Consume(await bed.Engine.CreateOrFindSubscriptionAsync(key, "t.a", new SubscriptionOptions()));
            joined.Add((consumer, before, Volatile.Read(ref published)));
        }

        await publishing;
        foreach (var (consumer, before, after) in joined)
        {
            var numbers = new List<int>();
            TestBed.WaitUntil(() =>
            {
                numbers.AddRange(Texts(consumer).ConvertAll(static text => int.Parse(text, CultureInfo.InvariantCulture)));
                return numbers.Count > 0 && numbers[^1] == Messages - 1;
            }, "the last message");
            Assert.That(numbers, Is.EqualTo(Enumerable.Range(numbers[0], Messages - numbers[0])), "in a row");
            // It joined when between before and after + 3 (one more batch under way) had been published.
            Assert.That(numbers[0], Is.InRange(Math.Max(0, before - 10), Math.Max(0, after + 3 - 10)), "ten are kept, and then all come");
        }
    }

    [Test]
    public async Task What_is_kept_is_read_back_from_disk_and_survives_compaction()
    {
        await using var bed = new TestBed(static options => options with
        {
            BodyMemoryBytes = 1, CompactionMinSegments = 1, CompactionLiveRatio = 1,
            Patterns = [new NodePattern("t.#", new NodeOptions { Retain = 5 })],
        });
        var topic = await bed.TopicAsync("t.a");
        var body = new string('x', 100_000);
        for (var i = 0; i < 40; i++)
        {
            bed.Publish(topic, $"{i}|{body}");
        }

        await bed.Engine.CreateOrFindSubscriptionAsync(Key, "t.a", new SubscriptionOptions());
        await bed.Engine.CompactAsync();
        string[] expected = ["35", "36", "37", "38", "39"];
        Assert.That(Texts(TestBed.Consume(topic)).ConvertAll(static text => text.Split('|')[0]), Is.EqualTo(expected));
        await bed.CrashAsync();
        Assert.That(Texts(TestBed.Consume(bed.Engine.Find("t.a")!)).ConvertAll(static text => text.Split('|')[0]), Is.EqualTo(expected));
        Assert.That(Texts(TestBed.Consume(bed.Engine.FindSubscription(Key)!)).ConvertAll(static text => text.Split('|')[0]), Is.EqualTo(expected));
    }

    [Test]
    public async Task Deleting_the_topic_or_taking_the_setting_back_forgets_what_was_kept()
    {
        await using var bed = BedThatKeeps(3);
        bed.Publish(await bed.TopicAsync("t.a"), "1");
        bed.Publish(await bed.TopicAsync("t.b"), "1");
        await bed.Engine.DeleteAsync("t.a");
        Assert.That(Texts(TestBed.Consume(await bed.TopicAsync("t.a"))), Is.Empty);
        var keeps = bed.Configure;
        bed.Configure = static options => options;
        await bed.RestartAsync();
        Assert.That(Texts(TestBed.Consume(bed.Engine.Find("t.b")!)), Is.Empty);
        bed.Publish(bed.Engine.Find("t.b")!, "2");
        bed.Configure = keeps;
        await bed.RestartAsync();
        bed.Publish(bed.Engine.Find("t.b")!, "3");
        Assert.That(Texts(TestBed.Consume(bed.Engine.Find("t.b")!)), Is.EqualTo(new[] { "3" }));
    }
}
