namespace Mamba.Broker.Engine.Tests;

internal sealed class TopicTests
{
    [Test]
    public async Task Every_subscription_gets_every_message()
    {
        await using var bed = new TestBed();
        var topic = await bed.TopicAsync();
        Assert.That(bed.Publish(topic, "nobody"), Is.EqualTo(PublishOutcome.Accepted));
        var first = TestBed.Consume(topic);
        var second = TestBed.Consume(topic);
        bed.PublishAll(topic, ["a", "b"]);
        Assert.That(first.TakeExactly(2).ConvertAll(static one => one.Text), Is.EqualTo(new[] { "a", "b" }));
        Assert.That(second.TakeExactly(2).ConvertAll(static one => one.Text), Is.EqualTo(new[] { "a", "b" }));
        first.Close();
        second.Close();
        Assert.That((topic.Describe().Depth, topic.Describe().Consumers), Is.EqualTo((0L, 0)));
    }

    [Test]
    public async Task Filters_and_no_local_apply_at_publish()
    {
        await using var bed = new TestBed();
        var topic = await bed.TopicAsync();
        var red = TestBed.Consume(topic, new SubscribeOptions { Filter = new TextFilter("red") });
        var noLocal = TestBed.Consume(topic, new SubscribeOptions { NoLocalOrigin = "me" });
        bed.Publish(topic, "red1", origin: "me");
        bed.Publish(topic, "blue1", origin: "you");
        Assert.That(red.Take().Text, Is.EqualTo("red1"));
        Assert.That(noLocal.Take().Text, Is.EqualTo("blue1"));
        Assert.That(red.TryTake(), Is.Null);
        Assert.That(noLocal.TryTake(), Is.Null);
    }

    [Test]
    public async Task Durable_subscriptions_survive_with_their_messages_and_filter()
    {
        await using var bed = new TestBed();
        var topic = await bed.TopicAsync();
        var filter = new TextFilter("red");
        var options = new SubscriptionOptions { Filter = filter, FilterDefinition = filter.Definition };
        var key = new SubscriptionKey("client", "red", Durable: true);
        await bed.Engine.CreateOrFindSubscriptionAsync(key, "t", options);
        await bed.Engine.CreateOrFindSubscriptionAsync(new SubscriptionKey("client", "all", Durable: true), "t", new SubscriptionOptions());
        bed.PublishAll(topic, ["red1", "blue1"]);
        bed.Publish(topic, "red-gone", durable: false);
        await bed.RestartAsync();
        bed.PublishAll(bed.Engine.Find("t")!, ["red2", "blue2"]);

        var found = bed.Engine.FindSubscription(key)!;
        Assert.That(await bed.Engine.CreateOrFindSubscriptionAsync(key, "t", options), Is.SameAs(found));
        var consumer = TestBed.Consume(found);
        Assert.That(consumer.TakeExactly(2).ConvertAll(static one => one.Text), Is.EqualTo(new[] { "red1", "red2" }));
        Assert.That(consumer.TryTake(), Is.Null);
        var all = TestBed.Consume(bed.Engine.FindSubscription(new SubscriptionKey("client", "all", Durable: true))!);
        Assert.That(all.TakeExactly(4).ConvertAll(static one => one.Text), Is.EqualTo(new[] { "red1", "blue1", "red2", "blue2" }));
    }

    [Test]
    public async Task A_subscription_whose_filter_is_not_understood_keeps_everything_and_lets_nobody_in_until_it_is_deleted()
    {
        await using var bed = new TestBed();
        var topic = await bed.TopicAsync();
        var key = new SubscriptionKey("client", "of a later version", Durable: true);
        var filter = new TextFilter("?");
        var options = new SubscriptionOptions { Filter = filter, FilterDefinition = filter.Definition };
        await bed.Engine.CreateOrFindSubscriptionAsync(key, "t", options);
        bed.PublishAll(topic, ["?1", "other"]);
        await bed.RestartAsync();
        bed.PublishAll(bed.Engine.Find("t")!, ["?2", "another"]);

        var held = bed.Engine.FindSubscription(key)!;
        Assert.That(held.Options.HeldBecause, Does.Contain("question mark"));
        Assert.That(held.Describe().Depth, Is.EqualTo(3), "what it had, and all that came since");
        Assert.That(() => TestBed.Consume(held), Throws.TypeOf<EngineException>().With.Property(nameof(EngineException.Error)).EqualTo(EngineError.Mismatch));
        foreach (var wanted in new[] { options, new SubscriptionOptions() })
        {
            Assert.That(
                async () => await bed.Engine.CreateOrFindSubscriptionAsync(key, "t", wanted),
                Throws.TypeOf<EngineException>().With.Message.Contain("unsubscribing"), "nor is it replaced");
        }

        Assert.That(await bed.Engine.DeleteSubscriptionAsync(key), Is.True);
        await bed.Engine.CreateOrFindSubscriptionAsync(key, "t", new SubscriptionOptions());
    }

    [Test]
    public async Task Removing_from_one_subscription_leaves_the_other()
    {
        await using var bed = new TestBed();
        var topic = await bed.TopicAsync();
        var one = new SubscriptionKey("c", "one", Durable: true);
        var two = new SubscriptionKey("c", "two", Durable: true);
        await bed.Engine.CreateOrFindSubscriptionAsync(one, "t", new SubscriptionOptions());
        await bed.Engine.CreateOrFindSubscriptionAsync(two, "t", new SubscriptionOptions());
        bed.PublishAll(topic, ["a", "b"]);
        var consumer = TestBed.Consume(bed.Engine.FindSubscription(one)!);
        foreach (var taken in consumer.TakeExactly(2))
        {
            consumer.SettleAndWait(Settlement.Accept(taken.Token));
        }

        await bed.CrashAsync();
        Assert.That(bed.Engine.FindSubscription(one)!.Describe().Depth, Is.Zero);
        Assert.That(TestBed.Consume(bed.Engine.FindSubscription(two)!).TakeExactly(2).ConvertAll(static taken => taken.Text), Is.EqualTo(new[] { "a", "b" }));
    }

    [Test]
    public async Task Unshared_has_one_consumer_and_shared_many()
    {
        await using var bed = new TestBed();
        var topic = await bed.TopicAsync();
        var single = await bed.Engine.CreateOrFindSubscriptionAsync(new SubscriptionKey("c", "single", Durable: true), "t", new SubscriptionOptions());
        var active = TestBed.Consume(single);
        Assert.That(Assert.Throws<EngineException>(() => TestBed.Consume(single))!.Error, Is.EqualTo(EngineError.ResourceLocked));
        active.Close();

        var shared = await bed.Engine.CreateOrFindSubscriptionAsync(
            new SubscriptionKey(null, "shared", Durable: true), "t", new SubscriptionOptions { Shared = true });
        var first = TestBed.Consume(shared);
        var second = TestBed.Consume(shared);
        bed.PublishAll(topic, ["a", "b"]);
        var texts = new[] { first.Take().Text, second.Take().Text };
        Assert.That(texts, Is.EqualTo(new[] { "a", "b" }));
    }

    [Test]
    public async Task Changing_a_subscription_makes_it_anew_unless_it_is_in_use()
    {
        await using var bed = new TestBed();
        var topic = await bed.TopicAsync();
        var key = new SubscriptionKey("c", "s", Durable: true);
        var before = await bed.Engine.CreateOrFindSubscriptionAsync(key, "t", new SubscriptionOptions());
        bed.Publish(topic, "old");
        var filter = new TextFilter("x");
        var changed = new SubscriptionOptions { Filter = filter, FilterDefinition = filter.Definition };
        var consumer = TestBed.Consume(before);
        Assert.That(
            Assert.ThrowsAsync<EngineException>(() => bed.Engine.CreateOrFindSubscriptionAsync(key, "t", changed))!.Error, Is.EqualTo(EngineError.ResourceLocked));
        Assert.ThrowsAsync<EngineException>(() => bed.Engine.DeleteSubscriptionAsync(key));
        consumer.Close();
        var after = await bed.Engine.CreateOrFindSubscriptionAsync(key, "t", changed);
        Assert.That(after, Is.Not.SameAs(before));
        Assert.That((before.IsDeleted, after.Describe().Depth), Is.EqualTo((true, 0L)));
        await bed.RestartAsync();
        Assert.That(bed.Engine.FindSubscription(key)!.Options.FilterDefinition.ToArray(), Is.EqualTo(filter.Definition.ToArray()));
        Assert.That(await bed.Engine.DeleteSubscriptionAsync(key), Is.True);
        Assert.That(await bed.Engine.DeleteSubscriptionAsync(key), Is.False);
        await bed.RestartAsync();
        Assert.That(bed.Engine.FindSubscription(key), Is.Null);
    }

    [Test]
    public async Task A_subscription_of_the_other_kind_and_its_messages_are_not_replaced([Values] bool shared)
    {
        await using var bed = new TestBed();
        var topic = await bed.TopicAsync();
        var key = new SubscriptionKey("c", "s", Durable: true);
        var node = await bed.Engine.CreateOrFindSubscriptionAsync(key, "t", new SubscriptionOptions { Shared = shared });
        bed.Publish(topic, "kept");
        var refusal = Assert.ThrowsAsync<EngineException>(
            () => bed.Engine.CreateOrFindSubscriptionAsync(key, "t", new SubscriptionOptions { Shared = !shared }));
        Assert.That(refusal!.Error, Is.EqualTo(EngineError.ResourceLocked));
        Assert.That((bed.Engine.FindSubscription(key), node.Describe().Depth), Is.EqualTo((node, 1L)));
    }

    [Test]
    public async Task A_volatile_shared_subscription_ends_with_its_last_consumer()
    {
        await using var bed = new TestBed();
        await bed.TopicAsync();
        var key = new SubscriptionKey("c", "s", Durable: false);
        var node = await bed.Engine.CreateOrFindSubscriptionAsync(key, "t", new SubscriptionOptions { Shared = true });
        var first = TestBed.Consume(node);
        var second = TestBed.Consume(node);
        first.Close();
        Assert.That(bed.Engine.FindSubscription(key), Is.SameAs(node));
        second.Close();
        Assert.That(bed.Engine.FindSubscription(key), Is.Null);
        Assert.That(node.IsDeleted, Is.True);
    }

    [Test]
    public async Task Subscriptions_dead_letter_under_the_topics_address()
    {
        await using var bed = new TestBed();
        var topic = await bed.TopicAsync();
        var node = await bed.Engine.CreateOrFindSubscriptionAsync(new SubscriptionKey("c", "s", Durable: true), "t", new SubscriptionOptions());
        bed.Publish(topic, "a");
        var consumer = TestBed.Consume(node);
        consumer.SettleAndWait(new Settlement(consumer.Take().Token, OutcomeKind.Rejected, ErrorCondition: "e"));
        Assert.That(bed.Drain("DLQ.t"), Is.EqualTo(new[] { "a|Rejected,t,c:s,0,e" }));
    }

    [Test]
    public async Task Deleting_a_topic_deletes_its_subscriptions()
    {
        await using var bed = new TestBed();
        var topic = await bed.TopicAsync();
        var key = new SubscriptionKey("c", "s", Durable: true);
        await bed.Engine.CreateOrFindSubscriptionAsync(key, "t", new SubscriptionOptions());
        bed.Publish(topic, "a");
        var consumer = TestBed.Consume(topic);
        await bed.Engine.DeleteAsync("t");
        Assert.That((consumer.NodeDeleted, bed.Engine.FindSubscription(key)), Is.EqualTo((true, (ISubscriptionNode?)null)));
        await bed.RestartAsync();
        await bed.TopicAsync();
        Assert.That(bed.Engine.FindSubscription(key), Is.Null);
    }

    [Test]
    public async Task A_topics_figures_are_those_of_its_subscriptions()
    {
        await using var bed = new TestBed();
        var retry = new RetryPolicy { InitialDelay = TimeSpan.FromHours(1), MaxDelay = TimeSpan.FromHours(1) };
        var topic = await bed.TopicAsync("t", new NodeOptions { MaxMessages = 1, Overflow = OverflowPolicy.DropHead, Retry = retry });
        var consumer = TestBed.Consume(topic);
        bed.Publish(topic, "waits");
        consumer.SettleAndWait(new Settlement(consumer.Take().Token, OutcomeKind.Modified, DeliveryFailed: true));
        bed.PublishAll(topic, ["dropped", "kept"]);
        var status = topic.Describe();
        Assert.That((status.Depth, status.Parked, status.Dropped), Is.EqualTo((2L, 1L, 1L)));
    }

    [Test]
    public async Task A_full_subscription_refuses_the_publish_for_all()
    {
        await using var bed = new TestBed();
        var topic = await bed.TopicAsync("t", new NodeOptions { MaxMessages = 2 });
        var first = TestBed.Consume(topic);
        var second = TestBed.Consume(topic);
        bed.PublishAll(topic, ["a", "b"]);
        first.Accept(first.Take());
        Assert.That(bed.Publish(topic, "c"), Is.EqualTo(PublishOutcome.RejectedFull));
        second.Accept(second.Take());
        Assert.That(bed.Publish(topic, "d"), Is.EqualTo(PublishOutcome.Accepted));
        Assert.That(first.TakeExactly(2).ConvertAll(static one => one.Text), Is.EqualTo(new[] { "b", "d" }));
    }
}
