namespace Mamba.Broker.Engine.Tests;

internal sealed class GroupTests
{
    [Test]
    public async Task A_group_stays_with_the_consumer_that_took_its_first_message()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var one = TestBed.Consume(queue);
        var two = TestBed.Consume(queue);
        Send(bed, queue, "a1", "b1");
        Assert.That(one.Take().Text, Is.EqualTo("a1"));
        Assert.That(two.Take().Text, Is.EqualTo("b1"));
        Send(bed, queue, "b2", "a2", "b3", "a3");
        Assert.That(Texts(one.TakeExactly(2)), Is.EqualTo(new[] { "a2", "a3" }));
        Assert.That(Texts(two.TakeExactly(2)), Is.EqualTo(new[] { "b2", "b3" }));
        Assert.That(one.TryTake(), Is.Null);
        Assert.That(two.TryTake(), Is.Null);
    }

    [Test]
    public async Task A_group_is_remembered_while_the_queue_is_empty()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var one = TestBed.Consume(queue);
        var two = TestBed.Consume(queue);
        Send(bed, queue, "a1");
        one.Accept(one.Take());
        Send(bed, queue, "a2");
        Assert.That(two.TryTake(), Is.Null);
        Assert.That(one.Take().Text, Is.EqualTo("a2"));
    }

    [Test]
    public async Task A_group_whose_consumer_takes_nothing_is_in_nobodys_way()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var stuck = TestBed.Consume(queue);
        Send(bed, queue, "a0");
        stuck.Take();
        var texts = new List<string>();
        for (var i = 1; i <= 600; i++)
        {
            texts.Add($"a{i}");
        }

        Send(bed, queue, [.. texts, "b1", "-x", "b2"]);
        var other = TestBed.Consume(queue);
        Assert.That(Texts(other.TakeExactly(3)), Is.EqualTo(new[] { "b1", "-x", "b2" }));
        Assert.That(other.TryTake(), Is.Null);
        Assert.That(Texts(stuck.TakeExactly(600)), Is.EqualTo(texts));
    }

    [Test]
    public async Task Order_over_groups_and_priorities_holds_for_one_consumer()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var one = TestBed.Consume(queue);
        var two = TestBed.Consume(queue);
        Send(bed, queue, "a1", "c1");
        Assert.That(one.Take().Text, Is.EqualTo("a1"));
        Assert.That(two.Take().Text, Is.EqualTo("c1"));
        Send(bed, queue, "a2", "-1", "a3", "-2");
        bed.PublishMessage(queue, Grouped(bed, "a9", priority: 9));

        // The other consumer passes them over first, so that they are set aside.
        Assert.That(two.TakeUpTo(1).ConvertAll(static t => t.Text), Is.EqualTo(new[] { "-1" }));
        Assert.That(Texts(one.TakeExactly(4)), Is.EqualTo(new[] { "a9", "a2", "a3", "-2" }));
    }

    [Test]
    public async Task The_consumer_is_woken_for_what_another_set_aside()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var one = TestBed.Consume(queue);
        Send(bed, queue, "a1");
        one.Take();
        Assert.That(one.TryTake(), Is.Null);
        var two = TestBed.Consume(queue);
        Assert.That(two.TryTake(), Is.Null);
        var woken = one.ReadyCount + two.ReadyCount;
        Send(bed, queue, "a2");
        Assert.That(one.ReadyCount + two.ReadyCount, Is.GreaterThan(woken));
        woken = one.ReadyCount;
        Assert.That(two.TryTake(), Is.Null);
        Assert.That(one.TryTake()?.Text, Is.EqualTo("a2"));
    }

    [Test]
    public async Task What_comes_back_comes_first_again_to_the_same_consumer()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var one = TestBed.Consume(queue);
        var two = TestBed.Consume(queue);
        Send(bed, queue, "a1", "a2", "a3");
        var taken = one.TakeExactly(2);
        one.Settle(new Settlement(taken[0].Token, OutcomeKind.Released));
        Assert.That(two.TryTake(), Is.Null);
        Assert.That(Texts(one.TakeExactly(2)), Is.EqualTo(new[] { "a1", "a3" }));
    }

    [Test]
    public async Task When_the_consumer_leaves_all_of_the_group_goes_to_the_next_in_order()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var one = TestBed.Consume(queue);
        var two = TestBed.Consume(queue);
        Send(bed, queue, "a1", "a2", "a3", "a4");
        one.TakeExactly(2);
        Assert.That(two.TryTake(), Is.Null);
        one.Close();
        Assert.That(Texts(two.TakeExactly(4)), Is.EqualTo(new[] { "a1", "a2", "a3", "a4" }));
    }

    [Test]
    public async Task A_group_waits_for_the_transaction_of_a_consumer_that_left()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var one = TestBed.Consume(queue);
        var two = TestBed.Consume(queue);
        Send(bed, queue, "a1", "a2", "-1");
        var first = one.Take();
        var work = bed.Engine.BeginTransaction();
        Assert.That(work.AddSettle(one.Subscription, Settlement.Accept(first.Token), settledByPeer: false), Is.True);
        one.Close();
        Assert.That(Texts(two.TakeExactly(1)), Is.EqualTo(new[] { "-1" }));
        Assert.That(two.TryTake(), Is.Null, "a2 must not come before it is known what becomes of a1");
        work.Rollback();
        Assert.That(Texts(two.TakeExactly(2)), Is.EqualTo(new[] { "a1", "a2" }));
    }

    [Test]
    public async Task A_new_consumer_gets_its_share_of_the_groups()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var one = TestBed.Consume(queue);
        Send(bed, queue, "a1", "b1", "c1", "d1");
        foreach (var taken in one.TakeExactly(4))
        {
            one.Accept(taken);
        }

        var two = TestBed.Consume(queue);
        Send(bed, queue, "a2", "b2", "c2", "d2");
        Assert.That(Texts(one.TakeUpTo(9)).Count, Is.EqualTo(2));
        Assert.That(Texts(two.TakeUpTo(9)).Count, Is.EqualTo(2));
        Assert.That(one.TryTake(), Is.Null);
        Assert.That(two.TryTake(), Is.Null);
    }

    [Test]
    public async Task A_group_in_use_moves_when_nothing_of_it_is_unsettled()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var one = TestBed.Consume(queue);
        Send(bed, queue, "a1", "b1", "a2", "b2");
        var held = one.TakeExactly(2);
        var two = TestBed.Consume(queue);
        Assert.That(two.TryTake(), Is.Null, "Nothing may move yet.");
        var stays = one.TakeExactly(1)[0].Text;
        Assert.That(one.TryTake(), Is.Null);
        Assert.That(two.TryTake(), Is.Null);
        var moving = held.Find(taken => taken.Text[0] != stays[0])!;
        one.Accept(moving);
        Assert.That(Texts(two.TakeExactly(1)), Is.EqualTo(new[] { moving.Text[0] + "2" }));
        Assert.That(one.TryTake(), Is.Null);
    }

    [Test]
    public async Task The_last_message_of_a_group_lets_others_have_it()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var one = TestBed.Consume(queue);
        var two = TestBed.Consume(queue);
        Send(bed, queue, "a1", "a2!", "a3");
        var first = one.TakeExactly(2);
        Assert.That(Texts(first), Is.EqualTo(new[] { "a1", "a2!" }));
        Assert.That(two.TryTake(), Is.Null, "The order must hold over the end of the group.");
        one.Accept(first[0]);
        Assert.That(two.TryTake(), Is.Null);
        one.Accept(first[1]);
        Assert.That(two.Take().Text, Is.EqualTo("a3"));
        Send(bed, queue, "a4");
        Assert.That(one.TryTake(), Is.Null);
        Assert.That(two.Take().Text, Is.EqualTo("a4"));
    }

    [Test]
    public async Task A_consumer_that_is_alone_goes_on_after_the_end_of_a_group()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var one = TestBed.Consume(queue);
        Send(bed, queue, "a1", "a2!", "a3", "a4");
        Assert.That(Texts(one.TakeExactly(4)), Is.EqualTo(new[] { "a1", "a2!", "a3", "a4" }));
    }

    [Test]
    public async Task Browsers_see_what_is_set_aside()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var one = TestBed.Consume(queue);
        var two = TestBed.Consume(queue);
        Send(bed, queue, "a1", "a2", "-1", "a3");
        one.Take();
        Assert.That(Texts(two.TakeUpTo(5)), Is.EqualTo(new[] { "-1" }));
        var browser = TestBed.Consume(queue, new SubscribeOptions { Browse = true });
        Assert.That(Texts(browser.TakeUpTo(10)), Is.EqualTo(new[] { "a2", "a3" }));
    }

    [Test]
    public async Task Messages_set_aside_expire_and_are_purged()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var one = TestBed.Consume(queue);
        var two = TestBed.Consume(queue);
        Send(bed, queue, "a1");
        one.Take();
        bed.PublishMessage(queue, Grouped(bed, "a2", ttl: 1000));
        Send(bed, queue, "a3", "a4");
        Assert.That(two.TryTake(), Is.Null);
        bed.Clock.Advance(TimeSpan.FromSeconds(2));
        TestBed.WaitUntil(() => bed.DepthOf("DLQ.q") == 1, "the expired message to be moved");
        Assert.That(await bed.Engine.PurgeAsync("q"), Is.EqualTo(2));
        Assert.That(one.TryTake(), Is.Null);
        Send(bed, queue, "a5");
        Assert.That(one.Take().Text, Is.EqualTo("a5"));
    }

    [Test]
    public async Task A_filtering_consumer_keeps_its_groups_too()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var one = TestBed.Consume(queue, new SubscribeOptions { Filter = new TextFilter("a") });
        var two = TestBed.Consume(queue);
        Send(bed, queue, "a1", "b1");
        Assert.That(one.Take().Text, Is.EqualTo("a1"));
        Assert.That(two.Take().Text, Is.EqualTo("b1"));
        Send(bed, queue, "a2", "b2");
        Assert.That(Texts(two.TakeUpTo(5)), Is.EqualTo(new[] { "b2" }));
        Assert.That(Texts(one.TakeExactly(1)), Is.EqualTo(new[] { "a2" }));
        Send(bed, queue, "a3");
        Assert.That(two.TryTake(), Is.Null);
        one.Close();
        Assert.That(Texts(two.TakeExactly(3)), Is.EqualTo(new[] { "a1", "a2", "a3" }));
    }

    [Test]
    public async Task A_filtering_consumer_gets_what_another_had_when_that_leaves()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var one = TestBed.Consume(queue);
        Send(bed, queue, "a1", "a2", "a3");
        one.Take();
        var two = TestBed.Consume(queue, new SubscribeOptions { Filter = new TextFilter("a") });
        Assert.That(two.TryTake(), Is.Null);
        one.Close();
        Assert.That(Texts(two.TakeExactly(3)), Is.EqualTo(new[] { "a1", "a2", "a3" }));
    }

    [Test]
    public async Task A_message_that_its_consumer_must_not_have_takes_the_group_to_another()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var one = TestBed.Consume(queue);
        Send(bed, queue, "a1", "a2");
        var first = one.Take();
        var two = TestBed.Consume(queue);
        one.Settle(new Settlement(first.Token, OutcomeKind.Modified, UndeliverableHere: true));
        Assert.That(one.TryTake(), Is.Null);
        Assert.That(Texts(two.TakeExactly(2)), Is.EqualTo(new[] { "a1", "a2" }));
    }

    [Test]
    public async Task Groups_hold_after_a_crash([Values] bool paged)
    {
        await using var bed = new TestBed(options => options with { BodyMemoryBytes = paged ? 0 : options.BodyMemoryBytes });
        var queue = await bed.QueueAsync();
        Send(bed, queue, "a1", "b1", "a2!", "a3", "b2");
        await bed.CrashAsync();
        queue = bed.Engine.Find("q")!;
        var one = TestBed.Consume(queue);
        var two = TestBed.Consume(queue);
        var a = one.Take();
        Assert.That(a.Text, Is.EqualTo("a1"));
        Assert.That(two.Take().Text, Is.EqualTo("b1"));
        var last = one.Take();
        Assert.That(last.Text, Is.EqualTo("a2!"));
        Assert.That(two.Take().Text, Is.EqualTo("b2"));
        Assert.That(one.TryTake(), Is.Null, "The group was closed, and another consumer is there.");
        one.Accept(a);
        one.Accept(last);
        Assert.That(two.Take().Text, Is.EqualTo("a3"));
    }

    [Test]
    public async Task The_table_of_idle_groups_is_bounded()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var one = TestBed.Consume(queue);
        var two = TestBed.Consume(queue);
        for (var round = 0; round < 20; round++)
        {
            var batch = PublishBatch.Rent();
            var observer = new PublishRecorder(1000);
            for (var i = 0; i < 1000; i++)
            {
                var message = bed.Message("m", durable: false);
                message.GroupKey = (uint)((round * 1000) + i + 1);
                batch.Add(queue, message, observer, i);
            }

            bed.Engine.Publish(batch);
            observer.Wait();
            TestBed.WaitUntil(() =>
            {
                one.TakeUpTo(400).ForEach(one.Accept);
                two.TakeUpTo(400).ForEach(two.Accept);
                return queue.Describe().Depth == 0;
            }, "the queue to run empty");
        }

        var host = ((QueueNode)queue).Host;
        Assert.That(host.Run(0, static (core, _, _) => core.Index.Count), Is.Zero);
        Assert.That(host.Run(0, static (core, _, _) => core.Groups!.Count), Is.EqualTo(GroupTable.MaxIdle));
        one.Close();
        two.Close();
        Assert.That(host.Run(0, static (core, _, _) => core.Groups!.Count), Is.Zero);
    }

    /// <summary>Random sends, takes, settlements, consumers that come and go: order in each group, and one consumer at a time.</summary>
    [Test]
    public async Task Order_in_each_group_holds_whatever_happens([Range(1, 30)] int seed)
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var random = new Random(seed);
        var consumers = new List<(TestConsumer Consumer, List<Taken> Held)>();
        var next = new int[8];
        var accepted = new int[8];
        for (var step = 0; step < 400; step++)
        {
            switch (random.Next(10))
            {
                case < 4:
                    var group = random.Next(next.Length);
                    bed.PublishMessage(queue, Grouped(bed, $"{(char)('a' + group)}{++next[group]}{(random.Next(12) == 0 ? "!" : "")}", durable: false));
                    break;
                case 4 when consumers.Count < 4:
                    consumers.Add((TestBed.Consume(queue, new SubscribeOptions { Priority = random.Next(2) }), []));
                    break;
                case 5 when consumers.Count > 1 && random.Next(3) == 0:
                    var leaving = consumers[random.Next(consumers.Count)];
                    leaving.Consumer.Close();
                    consumers.Remove(leaving);
                    break;
                case > 4 when consumers.Count > 0:
                    var (consumer, held) = consumers[random.Next(consumers.Count)];
                    if (random.Next(2) == 0)
                    {
                        held.AddRange(consumer.TakeUpTo(random.Next(1, 6)));
                        Check(consumers);
                    }
                    else if (held.Count > 0)
                    {
                        Accept(consumer, held, accepted);
                    }

                    break;
                default:
                    break;
            }
        }

        if (consumers.Count == 0)
        {
            consumers.Add((TestBed.Consume(queue), []));
        }

        TestBed.WaitUntil(() =>
        {
            foreach (var (consumer, held) in consumers)
            {
                held.AddRange(consumer.TakeUpTo(3));
                Check(consumers);
                while (held.Count > 0)
                {
                    Accept(consumer, held, accepted);
                }
            }

            return bed.DepthOf("q") == 0;
        }, "the queue to run empty");
        Assert.That(accepted, Is.EqualTo(next));
    }

    private static void Accept(TestConsumer consumer, List<Taken> held, int[] accepted)
    {
        var taken = held[0];
        held.RemoveAt(0);
        var group = taken.Text[0] - 'a';
        Assert.That(Number(taken), Is.EqualTo(++accepted[group]), "order of group " + taken.Text[0]);
        consumer.Accept(taken);
    }

    /// <summary>No group is with two consumers, and each has it without gaps.</summary>
    private static void Check(List<(TestConsumer Consumer, List<Taken> Held)> consumers)
    {
        var owners = new Dictionary<char, (TestConsumer Owner, int Last)>();
        foreach (var (consumer, held) in consumers)
        {
            foreach (var taken in held)
            {
                if (owners.TryGetValue(taken.Text[0], out var known))
                {
                    Assert.That(known.Owner, Is.SameAs(consumer), $"group {taken.Text[0]} is with two consumers");
                    Assert.That(Number(taken), Is.EqualTo(known.Last + 1), $"order of group {taken.Text[0]}");
                }

                owners[taken.Text[0]] = (consumer, Number(taken));
            }
        }
    }

    private static int Number(Taken taken) => int.Parse(taken.Text.Trim('!').AsSpan(1), System.Globalization.CultureInfo.InvariantCulture);

    private static List<string> Texts(List<Taken> taken) => taken.ConvertAll(static one => one.Text);

    private static void Send(TestBed bed, IMessageNode queue, params string[] texts)
    {
        foreach (var text in texts)
        {
            bed.PublishMessage(queue, Grouped(bed, text));
        }
    }

    /// <summary>The first character names the group, "-" none; a "!" at the end closes it.</summary>
    private static StoredMessage Grouped(TestBed bed, string text, bool durable = true, byte priority = 4, long ttl = 0)
    {
        var message = bed.Message(text, durable, priority, ttl);
        message.GroupKey = text[0] == '-' ? 0u : text[0];
        message.ClosesGroup = text.EndsWith('!');
        return message;
    }
}
