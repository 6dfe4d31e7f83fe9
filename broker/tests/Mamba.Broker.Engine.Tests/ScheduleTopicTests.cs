namespace Mamba.Broker.Engine.Tests;

/// <summary>Schedules on topics: an instant is for those who subscribe then, by wildcard or not; and the list of what waits, in parts.</summary>
[TestFixture]
internal sealed class ScheduleTopicTests
{
    private static readonly SubscriptionKey Wild = new("client", "wild", Durable: true);
    private static readonly SubscriptionKey Late = new("client", "late", Durable: true);
    private static readonly SubscriptionKey Filtered = new("client", "filtered", Durable: true);

    [Test]
    public async Task An_instant_lands_on_the_wildcard_subscriptions_there_are_then_and_stays_over_a_crash()
    {
        await using var bed = new TestBed();
        var topic = await bed.TopicAsync("orders.eu");
        var start = bed.Now;
        await SubscribeAsync(bed, Wild, "orders.*");
        Schedule(bed, topic, "x", start + 1_000, 1_000, 2);
        Assert.That(DepthOf(bed, Wild), Is.Zero, "a schedule lies on no subscription");
        bed.Clock.Advance(TimeSpan.FromMilliseconds(1_000));
        UntilDepth(bed, Wild, 1);
        await SubscribeAsync(bed, Late, "#");
        await SubscribeAsync(bed, Filtered, "orders.#", "other");
        bed.Clock.Advance(TimeSpan.FromMilliseconds(1_000));
        UntilDepth(bed, Wild, 2);
        UntilDepth(bed, Late, 1);
        await bed.CrashAsync();
        Assert.That(await bed.Engine.DeleteSubscriptionAsync(Wild), Is.True);
        bed.Clock.Advance(TimeSpan.FromMilliseconds(1_000));
        UntilDepth(bed, Late, 2);
        bed.UntilScheduled(0);
        await bed.CrashAsync();
        Assert.That(Take(bed, Late, 2), Is.EqualTo(new[] { $"x@{start + 2_000}", $"x@{start + 3_000}" }));
        Assert.That(DepthOf(bed, Filtered), Is.Zero, "its filter lets none of them through");
    }

    [Test]
    public async Task What_was_taken_of_a_wildcard_subscription_does_not_come_back()
    {
        await using var bed = new TestBed();
        var start = bed.Now;
        await SubscribeAsync(bed, Wild, "orders.*");
        Schedule(bed, await bed.TopicAsync("orders.eu"), "x", start + 1_000, 1_000, 3);
        var found = new List<string>();
        for (var i = 0; i < 4; i++)
        {
            bed.Clock.Advance(TimeSpan.FromMilliseconds(1_000));
            found.AddRange(Take(bed, Wild, 1));
            await bed.CrashAsync();
        }

        Assert.That(found, Is.EqualTo(Enumerable.Range(1, 4).Select(i => $"x@{start + (i * 1_000)}")));
        Assert.That(DepthOf(bed, Wild), Is.Zero);
    }

    [Test]
    public async Task A_delayed_message_waits_on_the_subscriptions_of_its_time_of_sending()
    {
        await using var bed = new TestBed();
        var topic = await bed.TopicAsync("orders.eu");
        await SubscribeAsync(bed, Wild, "orders.*");
        bed.Publish(topic, "x", delay: 1_000);
        await SubscribeAsync(bed, Late, "#");
        bed.Clock.Advance(TimeSpan.FromMilliseconds(1_000));
        Assert.That(Take(bed, Wild, 1), Is.EqualTo(new[] { "x" }));
        Assert.That(DepthOf(bed, Late), Is.Zero);
    }

    [Test]
    public async Task A_delayed_message_on_wildcard_subscriptions_is_listed_and_cancelled_on_all_and_stays_so()
    {
        await using var bed = new TestBed();
        var topic = await bed.TopicAsync("orders.eu");
        await SubscribeAsync(bed, Wild, "orders.*");
        await SubscribeAsync(bed, Late, "orders.eu");
        bed.Publish(topic, "x", delay: 5_000);
        var all = bed.Engine.QueryScheduled(new ScheduledQuery());
        Assert.That(all.Items.Select(static item => (item.Address, item.SubscriptionName)), Is.EqualTo(new[] { ("orders.eu", "client:late"), ("orders.*", "client:wild") }));
        Assert.That(all.Items.Select(static item => item.Id).Distinct().Count(), Is.EqualTo(1));
        Assert.That(await bed.Engine.ListScheduledAsync(new ScheduledQuery { Address = "orders.*" }), Has.Count.EqualTo(1));
        Assert.That(await bed.Engine.CancelScheduledAsync(all.Items[0].Id), Is.True);
        await bed.CrashAsync();
        bed.Clock.Advance(TimeSpan.FromSeconds(6));
        Assert.That((DepthOf(bed, Wild), DepthOf(bed, Late)), Is.EqualTo((0L, 0L)));
    }

    [Test]
    public async Task A_query_gives_a_part_the_total_and_the_messages_themselves()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        for (var i = 0; i < 9; i++)
        {
            bed.Publish(queue, $"m{i}", delay: 10_000 - (i * 1_000));
        }

        Schedule(bed, queue, "series", bed.Now + 4_500, 1_000, 3);
        var page = bed.Engine.QueryScheduled(new ScheduledQuery { Skip = 2, Max = 3 });
        Assert.That(page.Total, Is.EqualTo(10));
        Assert.That(page.Items.Select(item => TextOf(bed, item)), Is.EqualTo(new[] { "m6", "series", "m5" }));
        Assert.That(bed.Engine.QueryScheduled(new ScheduledQuery { Skip = 10 }).Items, Is.Empty);
        Assert.That(bed.Engine.QueryScheduled(new ScheduledQuery { Max = 0 }), Has.Property("Total").EqualTo(10L).And.Property("Items").Empty);
        Assert.That(bed.Engine.QueryScheduled(new ScheduledQuery { Id = page.Items[1].Id }).Items, Is.EqualTo(new[] { page.Items[1] }));
        Assert.That(bed.Engine.QueryScheduled(new ScheduledQuery { DueFrom = page.Items[1].DueAt, DueBefore = page.Items[2].DueAt }).Total, Is.EqualTo(1));
        Assert.That(await bed.Engine.CancelScheduledAsync(page.Items[0].Id), Is.True);
        Assert.That(bed.Engine.ReadScheduled(page.Items[0]), Is.Null, "it is gone");
    }

    [Test]
    public async Task Failed_deliveries_that_wait_are_left_out_where_only_schedules_are_wanted()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        bed.Publish(queue, "x", delay: 1_000);
        Assert.That(bed.Engine.QueryScheduled(new ScheduledQuery { WithoutParked = true }).Total, Is.EqualTo(1));
        Assert.That(bed.Engine.QueryScheduled(new ScheduledQuery { WithoutParked = true, Kind = ScheduledKind.Parked }).Total, Is.Zero);
    }

    private static string TextOf(TestBed bed, ScheduledMessage item)
    {
        var message = bed.Engine.ReadScheduled(item)!;
        var text = System.Text.Encoding.UTF8.GetString(message.Span);
        message.Release();
        return text;
    }

    private static void Schedule(TestBed bed, IMessageNode node, string text, long first, long period, int repeat)
    {
        var message = bed.Message(text);
        message.Schedule = new MessageSchedule { FirstAt = first, Period = period, Repeat = repeat };
        Assert.That(bed.PublishMessage(node, message), Is.EqualTo(PublishOutcome.Accepted));
    }

    private static Task SubscribeAsync(TestBed bed, SubscriptionKey key, string pattern, string? prefix = null)
    {
        var filter = prefix is null ? null : new TextFilter(prefix);
        return bed.Engine.CreateOrFindSubscriptionAsync(key, pattern, new SubscriptionOptions { Filter = filter, FilterDefinition = filter?.Definition ?? default });
    }

    private static long DepthOf(TestBed bed, SubscriptionKey key) => bed.Engine.FindSubscription(key)!.Describe().Depth;

    private static void UntilDepth(TestBed bed, SubscriptionKey key, long depth) =>
        TestBed.WaitUntil(() => DepthOf(bed, key) == depth, $"{depth} messages on {key.Name}");

    private static List<string> Take(TestBed bed, SubscriptionKey key, int count)
    {
        var consumer = TestBed.Consume(bed.Engine.FindSubscription(key)!);
        var taken = consumer.TakeExactly(count);
        foreach (var one in taken)
        {
            consumer.SettleAndWait(Settlement.Accept(one.Token));
        }

        consumer.Close();
        return taken.ConvertAll(static one => one.Text);
    }
}
