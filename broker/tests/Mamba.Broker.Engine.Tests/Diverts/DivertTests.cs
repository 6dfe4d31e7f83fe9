using Mamba.Broker.Engine.Tests.Duplicates;

namespace Mamba.Broker.Engine.Tests.Diverts;

/// <summary>Rules that copy or move what is published: to which addresses, in which order, whole or not at all.</summary>
internal sealed class DivertTests
{
    [Test]
    public async Task A_copy_goes_to_both_and_names_where_it_was_sent([Values] bool durable)
    {
        await using var bed = new TestBed();
        var orders = await bed.QueueAsync("orders.eu");
        await DivertAsync(bed, "audit", "orders.#", "audit");
        Assert.That(bed.Publish(orders, "1", durable), Is.EqualTo(PublishOutcome.Accepted));
        bed.Publish(await bed.QueueAsync("other"), "2", durable);
        Assert.That(bed.Drain("orders.eu"), Is.EqualTo(new[] { "1" }));
        Assert.That(bed.Drain("audit"), Is.EqualTo(new[] { "1<orders.eu" }));
        Assert.That(bed.Drain("other"), Is.EqualTo(new[] { "2" }));
        Assert.That(bed.Engine.ListDiverts()[0].Diverted, Is.EqualTo(1));
    }

    [Test]
    public async Task A_move_goes_there_instead()
    {
        await using var bed = new TestBed();
        var orders = await bed.QueueAsync("orders");
        await DivertAsync(bed, "away", "orders", "elsewhere", move: true, selector: "x");
        bed.PublishAll(orders, ["1", "x2", "3", "x4"]);
        Assert.That(bed.Drain("orders"), Is.EqualTo(new[] { "1", "3" }));
        Assert.That(bed.Drain("elsewhere"), Is.EqualTo(new[] { "x2<orders", "x4<orders" }));
    }

    [Test]
    public async Task Higher_priority_comes_first_and_a_move_ends_the_search()
    {
        await using var bed = new TestBed();
        var orders = await bed.QueueAsync("orders");
        await DivertAsync(bed, "late", "orders", "late", priority: 1);
        await DivertAsync(bed, "away", "orders", "away", move: true, priority: 5);
        await DivertAsync(bed, "early", "orders", "early", priority: 9);
        Assert.That(bed.Engine.ListDiverts().Select(static one => one.Options.Name), Is.EqualTo(new[] { "early", "away", "late" }));
        bed.Publish(orders, "1");
        Assert.That(
            new[] { bed.DepthOf("orders"), bed.DepthOf("early"), bed.DepthOf("away"), bed.DepthOf("late") }, Is.EqualTo(new[] { 0L, 1L, 1L, 0L }));
    }

    [Test]
    public async Task Diverts_follow_one_another_and_an_address_gets_a_message_once()
    {
        await using var bed = new TestBed();
        var orders = await bed.QueueAsync("a");
        await DivertAsync(bed, "a-b", "a", "b", move: true);
        await DivertAsync(bed, "b-c", "b", "c");
        await DivertAsync(bed, "b-d", "b", "d");
        await DivertAsync(bed, "c-d", "c", "d", move: true);
        bed.Publish(orders, "1");
        Assert.That((bed.DepthOf("a"), bed.DepthOf("c")), Is.EqualTo((0L, 0L)));
        Assert.That(bed.Drain("b"), Is.EqualTo(new[] { "1<a" }));
        Assert.That(bed.Drain("d"), Is.EqualTo(new[] { "1<a" }), "where it was sent, not where it came by");
    }

    [Test]
    public async Task Topics_are_diverted_and_diverted_to()
    {
        await using var bed = new TestBed();
        var news = await bed.TopicAsync("news");
        await DivertAsync(bed, "all", "news", "all", kind: NodeKind.Topic);
        await DivertAsync(bed, "store", "news", "store");
        var here = TestBed.Consume(news);
        var there = TestBed.Consume(bed.Engine.Find("all")!);
        bed.Publish(news, "1");
        Assert.That((here.Take().Text, there.Take().Text), Is.EqualTo(("1", "1<news")));
        Assert.That(bed.Drain("store"), Is.EqualTo(new[] { "1<news" }));
    }

    [Test]
    public async Task When_a_target_refuses_nothing_is_stored_anywhere([Values] bool durable, [Values] bool transaction)
    {
        await using var bed = new TestBed(static options => options with { Patterns = [new NodePattern("small", new NodeOptions { MaxMessages = 1 })] });
        var orders = await bed.QueueAsync("orders");
        await DivertAsync(bed, "first", "orders", "first");
        await DivertAsync(bed, "small", "orders", "small");
        bed.Publish(orders, "1", durable);
        if (transaction)
        {
            var unit = bed.Engine.BeginTransaction();
            Assert.That(unit.AddPublish(orders, bed.Message("2", durable)), Is.EqualTo(PublishOutcome.DivertRefused));
            Assert.That(unit.AddPublish(await bed.QueueAsync("other"), bed.Message("3", durable)), Is.EqualTo(PublishOutcome.Accepted));
            await unit.CommitAsync();
            Assert.That(bed.DepthOf("other"), Is.EqualTo(1));
        }
        else
        {
            Assert.That(bed.PublishAll(orders, ["2", "3"], durable), Is.All.EqualTo(PublishOutcome.DivertRefused));
        }

        Assert.That(new[] { bed.DepthOf("orders"), bed.DepthOf("first"), bed.DepthOf("small") }, Is.All.EqualTo(1));
        bed.Drain("small");
        Assert.That(bed.Publish(orders, "4", durable), Is.EqualTo(PublishOutcome.Accepted), "its room was given back everywhere");
        Assert.That(bed.Drain("first"), Is.EqualTo(new[] { "1<orders", "4<orders" }));
    }

    [Test]
    public async Task The_order_of_a_batch_holds_whatever_is_diverted()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("orders");
        await DivertAsync(bed, "audit", "orders", "audit", selector: "x");
        var texts = Enumerable.Range(0, 200).Select(static i => i % 3 == 0 ? $"x{i}" : $"{i}").ToArray();
        for (var i = 0; i < texts.Length; i += 20)
        {
            Assert.That(bed.PublishAll(queue, texts[i..(i + 20)], durable: i % 40 == 0), Is.All.EqualTo(PublishOutcome.Accepted));
        }

        Assert.That(bed.Drain("orders"), Is.EqualTo(texts));
        Assert.That(bed.Drain("audit"), Is.EqualTo(texts.Where(static text => text[0] == 'x').Select(static text => text + "<orders")));
    }

    [Test]
    public async Task Transactions_divert_at_commit_and_a_rollback_diverts_nothing()
    {
        await using var bed = new TestBed();
        var orders = await bed.QueueAsync("orders");
        await DivertAsync(bed, "audit", "orders", "audit");
        var unit = bed.Engine.BeginTransaction();
        unit.AddPublish(orders, bed.Message("1"));
        unit.Rollback();
        unit = bed.Engine.BeginTransaction();
        unit.AddPublish(orders, bed.Message("2"));
        unit.AddPublish(orders, bed.Message("3"));
        Assert.That(bed.DepthOf("audit"), Is.Zero);
        Assert.That(await unit.CommitAsync(), Is.EqualTo(CommitOutcome.Committed));
        Assert.That(bed.Drain("orders"), Is.EqualTo(new[] { "2", "3" }));
        Assert.That(bed.Drain("audit"), Is.EqualTo(new[] { "2<orders", "3<orders" }));
    }

    [Test]
    public async Task A_duplicate_is_diverted_nowhere()
    {
        await using var bed = DuplicateBed.Open();
        var orders = await bed.QueueAsync("once.orders");
        await DivertAsync(bed, "audit", "once.orders", "once.audit");
        Assert.That(bed.OnceEach(orders, ["a", "b", "a"]), Is.EqualTo(new[] { PublishOutcome.Accepted, PublishOutcome.Accepted, PublishOutcome.Duplicate }));
        var one = bed.Engine.BeginTransaction();
        var two = bed.Engine.BeginTransaction();
        foreach (var unit in new[] { one, two })
        {
            unit.AddPublish(orders, bed.Message("c"), orders.IdOf("c"));
        }

        await one.CommitAsync();
        await two.CommitAsync();
        Assert.That(bed.Drain("once.orders"), Is.EqualTo(new[] { "a", "b", "c" }));
        Assert.That(bed.Drain("once.audit"), Is.EqualTo(new[] { "a<once.orders", "b<once.orders", "c<once.orders" }), "the target's own window is not asked");
        await bed.CrashAsync();
        Assert.That(bed.Once(bed.Engine.Find("once.orders")!, "c"), Is.EqualTo(PublishOutcome.Duplicate));
    }

    [Test]
    public async Task A_schedule_is_diverted_when_it_delivers()
    {
        await using var bed = new TestBed();
        var orders = await bed.QueueAsync("orders");
        await DivertAsync(bed, "audit", "orders", "audit");
        var message = bed.Message("tick");
        message.Schedule = new MessageSchedule { FirstAt = bed.Now + 1000, Period = 1000, Repeat = 1 };
        bed.PublishMessage(orders, message);
        Assert.That(bed.DepthOf("audit"), Is.Zero);
        bed.Clock.Advance(TimeSpan.FromSeconds(1));
        TestBed.WaitUntil(() => bed.DepthOf("audit") == 1, "the first delivery");
        Assert.That(bed.DepthOf("orders"), Is.EqualTo(1));
    }

    [Test]
    public async Task What_the_broker_moves_and_what_is_temporary_is_not_diverted()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        await DivertAsync(bed, "tap", "#", "tap", selector: "x");
        bed.Publish(queue, "x");
        var consumer = TestBed.Consume(queue);
        consumer.SettleAndWait(new Settlement(consumer.Take().Token, OutcomeKind.Rejected));
        bed.Publish(await bed.Engine.CreateTemporaryAsync(NodeKind.Queue, LifetimePolicy.DeleteOnClose, new object()), "x");
        Assert.That((bed.DepthOf("tap"), bed.DepthOf("DLQ.q")), Is.EqualTo((1L, 1L)));
    }

    [Test]
    public async Task Rules_survive_and_a_deleted_one_does_not([Values] bool crash, [Values] bool compact)
    {
        await using var bed = new TestBed(static options => options with { SegmentBytes = 32 * 1024, CompactionMinSegments = 2 });
        var orders = await bed.QueueAsync("orders");
        await DivertAsync(bed, "kept", "orders", "audit", move: true, priority: -3, selector: "x");
        await DivertAsync(bed, "gone", "orders", "other");
        Assert.That(await bed.Engine.DeleteDivertAsync("gone"), Is.True);
        Assert.That(await bed.Engine.DeleteDivertAsync("gone"), Is.False);
        if (compact)
        {
            for (var i = 0; i < 20; i++)
            {
                bed.PublishAll(orders, [.. Enumerable.Repeat(new string('.', 500), 10)]);
                bed.Drain("orders");
            }

            bed.Publish(await bed.QueueAsync("quiet"), "last");
            await bed.Engine.CompactAsync();
            Assert.That(bed.Events.Count("segment 1 "), Is.EqualTo(1), "the segment that they were made in is gone");
        }

        await (crash ? bed.CrashAsync() : bed.RestartAsync());
        Assert.That(bed.Engine.ListDiverts().Select(static one => one.Options), Is.EqualTo(new[]
        {
            new DivertOptions { Name = "kept", Pattern = "orders", Target = "audit", Move = true, Priority = -3, Selector = "x" },
        }));
        bed.Publish(bed.Engine.Find("orders")!, "x");
        Assert.That(bed.Drain("audit"), Is.EqualTo(new[] { "x<orders" }));
    }

    [Test]
    public async Task Configured_rules_are_there_from_the_start_and_make_their_targets()
    {
        DivertOptions[] diverts = [new() { Name = "audit", Pattern = "orders", Target = "audit" }, new() { Name = "topic", Pattern = "orders", Target = "all", TargetKind = NodeKind.Topic }];
        await using var bed = new TestBed(options => options with { Diverts = diverts });
        Assert.That(bed.Engine.Find("all")!.Kind, Is.EqualTo(NodeKind.Topic));
        bed.Publish(await bed.QueueAsync("orders"), "1");
        Assert.That(async () => await bed.Engine.DeleteDivertAsync("audit"), Throws.TypeOf<EngineException>().With.Message.Contains("configuration"));
        await bed.CrashAsync();
        Assert.That(bed.Drain("audit"), Is.EqualTo(new[] { "1<orders" }));
        Assert.That(bed.Engine.ListDiverts(), Has.All.Matches<DivertStatus>(static one => one.IsConfigured));
        bed.Configure = static options => options;
        await bed.RestartAsync();
        Assert.That(bed.Engine.ListDiverts(), Is.Empty);
        Assert.That(bed.Engine.Find("all")!.Kind, Is.EqualTo(NodeKind.Topic), "what it led to stays");
    }

    [Test]
    public async Task What_cannot_be_is_refused_with_the_reason_and_leaves_no_trace()
    {
        await using var bed = new TestBed();
        await DivertAsync(bed, "a-b", "a", "b");
        Assert.That(Refused("round", "b", "a"), Does.Contain("'a' (round) -> 'b' (a-b)").Or.Contain("'b' (a-b) -> 'a' (round)"));
        Assert.That(Refused("a-b", "x", "y"), Does.Contain("two diverts named 'a-b'"));
        Assert.That(Refused("w", "x", "y.*"), Does.Contain("without wildcards"));
        Assert.That(Refused("t", "x", "temp-1"), Does.Contain("not temporary"));
        Assert.That(Refused("s", "x", "new", selector: ""), Does.Contain("selector"));
        Assert.That(bed.Engine.Find("new"), Is.Null);
        Assert.That(bed.Engine.ListDiverts(), Has.Count.EqualTo(1));
        Assert.That(async () => await bed.Engine.DeleteAsync("b"), Throws.TypeOf<EngineException>().With.Message.Contains("target of the divert 'a-b'"));
        await bed.Engine.DeleteDivertAsync("a-b");
        Assert.That(await bed.Engine.DeleteAsync("b"), Is.True);

        string? Refused(string name, string pattern, string target, string? selector = null) =>
            Assert.ThrowsAsync<EngineException>(() => bed.Engine.CreateDivertAsync(new DivertOptions { Name = name, Pattern = pattern, Target = target, Selector = selector }))!.Message;
    }

    [Test]
    public async Task A_dry_run_says_where_and_why_and_stores_nothing()
    {
        await using var bed = new TestBed(static options => options with { Patterns = [new NodePattern("small", new NodeOptions { MaxMessages = 1 })] });
        await bed.QueueAsync("orders");
        await DivertAsync(bed, "small", "orders", "small", priority: 3);
        await DivertAsync(bed, "not this", "orders", "never", priority: 2, selector: "y");
        await DivertAsync(bed, "away", "orders", "all", move: true, priority: 1, kind: NodeKind.Topic);
        await DivertAsync(bed, "not reached", "orders", "never");
        bed.Publish(bed.Engine.Find("small")!, "full");
        var wants = new SubscriptionOptions { Filter = new TextFilter("x"), FilterDefinition = "x"u8.ToArray() };
        await bed.Engine.CreateOrFindSubscriptionAsync(new SubscriptionKey("c", "wants", Durable: true), "all", wants);
        await bed.Engine.CreateOrFindSubscriptionAsync(
            new SubscriptionKey("c", "other", Durable: true), "all", wants with { Filter = new TextFilter("z"), FilterDefinition = "z"u8.ToArray() });
        var message = bed.Message("x");
        var trace = bed.Engine.TraceRoute("orders", message);
        message.Release();
        Assert.That(trace.Stops.Select(static stop => (stop.Address, stop.Via, stop.IsStored)), Is.EqualTo(new (string, string?, bool)[]
        {
            ("orders", null, false), ("small", "small", true), ("all", "away", true),
        }));
        Assert.That(trace.Stops[0].Diverts.Select(static one => (one.Divert.Name, one.IsSelected, one.IsReached)), Is.EqualTo(new[]
        {
            ("small", true, true), ("not this", false, true), ("away", true, true), ("not reached", true, false),
        }));
        Assert.That(trace.Stops[1].Queues, Is.EqualTo(new[] { new RouteQueue("small", Wants: true, IsFull: true) }));
        Assert.That(trace.Stops[2].Queues, Is.EquivalentTo(new[] { new RouteQueue("wants", true, false), new RouteQueue("other", false, false) }));
        Assert.That(new[] { bed.DepthOf("orders"), bed.DepthOf("all"), bed.DepthOf("never") }, Is.All.Zero);
        message = bed.Message("x");
        var nowhere = bed.Engine.TraceRoute("nowhere", message).Stops[0];
        message.Release();
        Assert.That((nowhere.Kind, nowhere.IsStored), Is.EqualTo(((NodeKind?)null, false)));
    }

    [Test]
    public async Task A_dry_run_knows_that_what_replaces_another_finds_room()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", new NodeOptions { MaxMessages = 1, LastValueKey = "key" });
        bed.Publish(queue, "a=1");
        foreach (var (text, isFull) in new[] { ("a=2", false), ("b=1", true), ("plain", true) })
        {
            var message = bed.Message(text);
            Assert.That(bed.Engine.TraceRoute("q", message).Stops[0].Queues[0].IsFull, Is.EqualTo(isFull), text);
            message.Release();
        }
    }

    private static Task DivertAsync(
        TestBed bed, string name, string pattern, string target, bool move = false, int priority = 0, string? selector = null, NodeKind kind = NodeKind.Queue) =>
        bed.Engine.CreateDivertAsync(
            new DivertOptions { Name = name, Pattern = pattern, Target = target, Move = move, Priority = priority, Selector = selector, TargetKind = kind });
}
