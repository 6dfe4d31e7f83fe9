using System.Text;
using FsCheck;
using FsCheck.Fluent;

namespace Mamba.Broker.Engine.Tests;

/// <summary>Subscriptions to patterns of topics: what they match, when, and what of them is kept.</summary>
internal sealed class WildcardTests
{
    private static readonly SubscriptionKey Key = new("client", "wild", Durable: true);

    [TestCase("a.b", "a.b", true)]
    [TestCase("a.b", "a.c", false)]
    [TestCase("*", "a", true)]
    [TestCase("*", "a.b", false)]
    [TestCase("a.*", "a.b", true)]
    [TestCase("a.*", "a", false)]
    [TestCase("a.*.c", "a.b.c", true)]
    [TestCase("a.*.c", "a.b.d", false)]
    [TestCase("#", "a", true)]
    [TestCase("#", "a.b.c", true)]
    [TestCase("a.#", "a", true)]
    [TestCase("a.#", "a.b.c", true)]
    [TestCase("a.#", "ab", false)]
    [TestCase("#.z", "z", true)]
    [TestCase("#.z", "a.b.z", true)]
    [TestCase("#.z", "a.z.b", false)]
    [TestCase("a.#.z", "a.z", true)]
    [TestCase("a.#.z", "a.b.c.z", true)]
    [TestCase("a.#.z", "a.b.c", false)]
    [TestCase("#.b.#", "a.b.c", true)]
    [TestCase("#.#", "a", true)]
    [TestCase("*.#", "a", true)]
    [TestCase("#.*", "a", true)]
    [TestCase("*.#.*", "a", false)]
    [TestCase("c#.x*", "c#.x*", true)]
    [TestCase("c#.x*", "cs.xy", false)]
    [TestCase("a..b", "a..b", true)]
    [TestCase("a.*.b", "a..b", true)]
    public async Task A_pattern_takes_in_what_it_should(string pattern, string address, bool expected)
    {
        Assert.That(new AddressPattern(pattern).Matches(address), Is.EqualTo(expected));
        if (!AddressPattern.HasWildcards(pattern))
        {
            return;
        }

        await using var bed = new TestBed();
        var consumer = TestBed.Consume(await bed.TopicAsync(pattern));
        bed.Publish(await bed.TopicAsync(address), "m");
        Assert.That(consumer.TakeUpTo(5).Count, Is.EqualTo(expected ? 1 : 0));
    }

    /// <summary>The tree that topics ask and the pattern that settings use are two algorithms for one meaning.</summary>
    [FsCheck.NUnit.Property(MaxTest = 50)]
    public Property The_tree_of_patterns_and_a_single_pattern_agree()
    {
        var words = Gen.NonEmptyListOf(Gen.Elements("a", "b", "*", "#")).Select(static list => string.Join('.', list.Take(5)));
        var addresses = Gen.NonEmptyListOf(Gen.Elements("a", "b")).Select(static list => string.Join('.', list.Take(5)));
        return Prop.ForAll(Gen.Zip(Gen.ListOf(words, 12), Gen.ListOf(addresses, 12)).ToArbitrary(), static pair => Agree([.. pair.Item1], [.. pair.Item2]).GetAwaiter().GetResult());
    }

    [Test]
    public async Task Topics_made_later_are_taken_in_and_unsubscribing_ends_it()
    {
        await using var bed = new TestBed();
        var before = await bed.TopicAsync("news.before");
        bed.Publish(before, "nobody hears");
        var consumer = TestBed.Consume(await bed.TopicAsync("news.*"));
        var after = await bed.TopicAsync("news.after");
        var other = await bed.TopicAsync("weather.today");
        bed.Publish(before, "1");
        bed.Publish(after, "2");
        bed.Publish(other, "not for it");
        Assert.That(consumer.TakeExactly(2).ConvertAll(static one => one.Text), Is.EqualTo(new[] { "1", "2" }));
        Assert.That(bed.Engine.Describe().Single(static node => node.Address == "news.*").Consumers, Is.EqualTo(1));
        consumer.Close();
        Assert.That(bed.Publish(before, "nobody again"), Is.EqualTo(PublishOutcome.Accepted));
        Assert.That(bed.Engine.Describe().Select(static node => node.Address), Has.None.EqualTo("news.*"), "nothing is left of it");
    }

    [Test]
    public async Task Subscribing_between_two_messages_gives_the_second()
    {
        await using var bed = new TestBed();
        var topic = await bed.TopicAsync("a.b");
        var consumers = new List<TestConsumer>();
        for (var i = 0; i < 20; i++)
        {
            bed.Publish(topic, $"{i}");
            consumers.Add(TestBed.Consume(await bed.TopicAsync(i % 2 == 0 ? "a.#" : "*.b")));
        }

        bed.Publish(topic, "20");
        for (var i = 0; i < 20; i++)
        {
            Assert.That(consumers[i].TakeUpTo(100).ConvertAll(static one => one.Text), Is.EqualTo(Enumerable.Range(i + 1, 20 - i).Select(static n => $"{n}")));
        }
    }

    [Test]
    public async Task A_subscription_gets_a_message_once_and_it_is_stored_once()
    {
        await using var bed = new TestBed();
        var topic = await bed.TopicAsync("shop.orders.eu");
        string[] patterns = ["shop.orders.eu", "shop.*.eu", "shop.#", "#", "#.eu", "shop.#.eu"];
        foreach (var pattern in patterns)
        {
            var key = new SubscriptionKey("c", pattern, Durable: true);
            await bed.Engine.CreateOrFindSubscriptionAsync(key, pattern, new SubscriptionOptions());
        }

        bed.Publish(topic, "a body to be found");
        Assert.That(CountInJournal(bed.Directory, "a body to be found"), Is.EqualTo(1));
        await bed.CrashAsync();
        foreach (var pattern in patterns)
        {
            var consumer = TestBed.Consume(bed.Engine.FindSubscription(new SubscriptionKey("c", pattern, Durable: true))!);
            Assert.That(consumer.TakeUpTo(5).ConvertAll(static one => one.Text), Is.EqualTo(new[] { "a body to be found" }), pattern);
        }
    }

    [Test]
    public async Task Durable_ones_survive_with_messages_filter_and_pattern([Values] bool shared, [Values] bool crash)
    {
        await using var bed = new TestBed();
        var filter = new TextFilter("red");
        var options = new SubscriptionOptions { Shared = shared, Filter = filter, FilterDefinition = filter.Definition };
        var topic = await bed.TopicAsync("paint.wall");
        await bed.Engine.CreateOrFindSubscriptionAsync(Key, "paint.#", options);
        bed.PublishAll(topic, ["red1", "blue1"]);
        await (crash ? bed.CrashAsync() : bed.RestartAsync());
        bed.PublishAll(bed.Engine.Find("paint.wall")!, ["blue2", "red2"]);
        bed.PublishAll(await bed.TopicAsync("paint.door.inner"), ["red3"]);
        await bed.RestartAsync();
        var found = bed.Engine.FindSubscription(Key)!;
        Assert.That(await bed.Engine.CreateOrFindSubscriptionAsync(Key, "paint.#", options), Is.SameAs(found));
        var consumer = TestBed.Consume(found);
        Assert.That(consumer.TakeExactly(3).ConvertAll(static one => one.Text), Is.EqualTo(new[] { "red1", "red2", "red3" }));
        Assert.That(consumer.TryTake(), Is.Null);
    }

    [Test]
    public async Task One_that_is_deleted_or_moved_is_gone_after_a_restart()
    {
        await using var bed = new TestBed();
        await bed.TopicAsync("a.b");
        await bed.Engine.CreateOrFindSubscriptionAsync(Key, "a.*", new SubscriptionOptions());
        bed.Publish(bed.Engine.Find("a.b")!, "old");
        var moved = await bed.Engine.CreateOrFindSubscriptionAsync(Key, "a.#", new SubscriptionOptions());
        Assert.That((moved.TopicAddress, moved.Describe().Depth), Is.EqualTo(("a.#", 0L)));
        await bed.RestartAsync();
        bed.Publish(bed.Engine.Find("a.b")!, "new");
        Assert.That(bed.Engine.FindSubscription(Key)!.Describe().Depth, Is.EqualTo(1));
        Assert.That(await bed.Engine.DeleteSubscriptionAsync(Key), Is.True);
        await bed.RestartAsync();
        Assert.That(bed.Engine.FindSubscription(Key), Is.Null);
        Assert.That(bed.Publish(bed.Engine.Find("a.b")!, "nobody"), Is.EqualTo(PublishOutcome.Accepted));
    }

    [Test]
    public async Task A_pattern_takes_no_messages_and_a_queue_of_such_a_name_is_just_a_queue()
    {
        await using var bed = new TestBed();
        Assert.That(bed.Publish(await bed.TopicAsync("a.*"), "m"), Is.EqualTo(PublishOutcome.NotFound));
        var consumer = TestBed.Consume(await bed.TopicAsync("a.*"));
        var queue = await bed.QueueAsync("a.*");
        bed.Publish(queue, "for the queue");
        bed.Publish(await bed.QueueAsync("a.b"), "for another queue");
        Assert.That(consumer.TryTake(), Is.Null);
        Assert.That(bed.Drain("a.*"), Is.EqualTo(new[] { "for the queue" }));
    }

    [Test]
    public async Task Temporary_topics_are_their_owners_alone()
    {
        await using var bed = new TestBed();
        var all = TestBed.Consume(await bed.TopicAsync("#"));
        var temporary = await bed.Engine.CreateTemporaryAsync(NodeKind.Topic, LifetimePolicy.DeleteOnClose, new object());
        var own = TestBed.Consume(temporary);
        bed.Publish(temporary, "private");
        Assert.That((own.Take().Text, all.TryTake()), Is.EqualTo(("private", (Taken?)null)));
    }

    [Test]
    public async Task No_local_limits_and_dead_letters_are_those_of_any_subscription()
    {
        await using var bed = new TestBed(static options => options with
        {
            Patterns = [new NodePattern("small.#", new NodeOptions { MaxMessages = 1, DeadLetterAddress = "dead" })],
        });
        var topic = await bed.TopicAsync("small.one");
        var noLocal = TestBed.Consume(await bed.TopicAsync("*.one"), new SubscribeOptions { NoLocalOrigin = "me" });
        var limited = TestBed.Consume(await bed.TopicAsync("small.*"));
        Assert.That(bed.Publish(topic, "mine", origin: "me"), Is.EqualTo(PublishOutcome.Accepted));
        Assert.That(bed.Publish(topic, "yours", origin: "you"), Is.EqualTo(PublishOutcome.RejectedFull), "one subscription is full");
        Assert.That(noLocal.TryTake(), Is.Null, "all or none");
        limited.SettleAndWait(new Settlement(limited.Take().Token, OutcomeKind.Rejected));
        Assert.That(bed.Drain("dead"), Is.EqualTo(new[] { "mine|Rejected,small.*,,0," }));
    }

    [Test]
    public async Task A_transaction_publishes_to_them()
    {
        await using var bed = new TestBed();
        var consumer = TestBed.Consume(await bed.TopicAsync("t.#"));
        var unit = bed.Engine.BeginTransaction();
        Assert.That(unit.AddPublish(await bed.TopicAsync("t.a"), bed.Message("1")), Is.EqualTo(PublishOutcome.Accepted));
        Assert.That(unit.AddPublish(await bed.TopicAsync("t.b"), bed.Message("2")), Is.EqualTo(PublishOutcome.Accepted));
        Assert.That(consumer.TryTake(), Is.Null);
        var commit = new CommitRecorder();
        unit.Commit(commit);
        Assert.That((await commit.Task).Outcome, Is.EqualTo(CommitOutcome.Committed));
        Assert.That(consumer.TakeExactly(2).ConvertAll(static one => one.Text), Is.EqualTo(new[] { "1", "2" }));
    }

    [Test]
    public async Task Coming_and_going_beside_publishers_loses_nothing_of_those_that_stay()
    {
        await using var bed = new TestBed();
        var topic = await bed.TopicAsync("busy.topic");
        var stays = TestBed.Consume(await bed.TopicAsync("busy.*"));
        var publishing = Task.Run(() =>
        {
            for (var i = 0; i < 500; i++)
            {
                bed.Publish(topic, $"{i}", durable: i % 3 == 0);
            }
        });
        while (!publishing.IsCompleted)
        {
            TestBed.Consume(await bed.TopicAsync("#.topic")).Close();
        }

        await publishing;
        Assert.That(stays.TakeExactly(500).ConvertAll(static one => one.Text), Is.EqualTo(Enumerable.Range(0, 500).Select(static i => $"{i}")));
    }

    private static async Task<bool> Agree(string[] patterns, string[] addresses)
    {
        await using var bed = new TestBed();
        var wild = patterns.Where(AddressPattern.HasWildcards).ToList();
        var consumers = new List<TestConsumer>();
        foreach (var pattern in wild)
        {
            consumers.Add(TestBed.Consume(await bed.TopicAsync(pattern)));
        }

        foreach (var address in addresses)
        {
            bed.Publish(await bed.TopicAsync(address), address, durable: false);
        }

        for (var i = 0; i < wild.Count; i++)
        {
            var expected = addresses.Where(new AddressPattern(wild[i]).Matches);
            Assert.That(consumers[i].TakeUpTo(100).ConvertAll(static one => one.Text), Is.EqualTo(expected), wild[i]);
        }

        return true;
    }

    private static int CountInJournal(string directory, string text)
    {
        var wanted = Encoding.UTF8.GetBytes(text);
        var count = 0;
        foreach (var file in Directory.GetFiles(directory, "*.journal"))
        {
            var rest = File.ReadAllBytes(file).AsSpan();
            for (var at = rest.IndexOf(wanted); at >= 0; at = rest.IndexOf(wanted))
            {
                count++;
                rest = rest[(at + wanted.Length)..];
            }
        }

        return count;
    }
}
