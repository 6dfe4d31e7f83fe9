using System.Text;

namespace Mamba.Broker.Engine.Tests;

/// <summary>Consumers with filters on a queue: what they are given, in which order, and how often a message is looked at for it.</summary>
[TestFixture]
internal sealed class FilterTests
{
    private static TestConsumer Selecting(IMessageNode queue, IMessageFilter filter, int priority = 0) =>
        TestBed.Consume(queue, new SubscribeOptions { Filter = filter, Priority = priority });

    [Test]
    public async Task What_did_not_fit_the_credit_is_found_later_on_every_priority_level()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        for (var i = 0; i < 30; i++)
        {
            bed.Publish(queue, $"red{i}", durable: false, priority: (byte)(i % 10));
        }

        var consumer = Selecting(queue, new TextFilter("red"));
        var taken = new List<string>();
        while (consumer.TakeUpTo(taken.Count % 3 + 1) is { Count: > 0 } some)
        {
            taken.AddRange(some.ConvertAll(static one => one.Text));
        }

        var expected = Enumerable.Range(0, 30).OrderByDescending(static i => i % 10).ThenBy(static i => i).Select(static i => $"red{i}");
        Assert.That(taken, Is.EqualTo(expected));
    }

    [Test]
    public async Task A_match_deep_in_the_queue_costs_one_look_at_each_message()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        bed.PublishAll(queue, [.. Enumerable.Range(0, 20_000).Select(static i => i % 1000 == 999 ? $"red{i}" : $"blue{i}")]);
        var filter = new CountingFilter("red");
        var consumer = Selecting(queue, filter);
        for (var i = 0; i < 20; i++)
        {
            Assert.That(consumer.Take().Text, Is.EqualTo($"red{(i * 1000) + 999}"));
        }

        Assert.That(consumer.TryTake(), Is.Null);
        bed.Publish(queue, "red new");
        Assert.That(consumer.Take().Text, Is.EqualTo("red new"));
        Assert.That(filter.Looks, Is.InRange(20_001, 20_001 + 200), "each message once, and few of those behind a match again");
    }

    [Test]
    public async Task What_another_consumer_gives_back_at_the_front_is_looked_at_alone()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        bed.PublishAll(queue, ["red first", .. Enumerable.Range(0, 10_000).Select(static i => $"blue{i}")]);
        var other = TestBed.Consume(queue);
        var held = other.Take();
        var filter = new CountingFilter("red");
        var consumer = Selecting(queue, filter);
        TestBed.WaitUntil(() => consumer.TryTake() is null && !consumer.Subscription.IsLooking, "the consumer to have seen all");
        var before = filter.Looks;
        other.Settle(new Settlement(held.Token, OutcomeKind.Released));
        other.Close();
        Assert.That(consumer.Take().Text, Is.EqualTo("red first"));
        Assert.That(filter.Looks - before, Is.LessThan(20));
    }

    [Test]
    public async Task More_returned_messages_than_are_remembered_are_all_found()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        bed.PublishAll(queue, [.. Enumerable.Range(0, 10_000).Select(static i => $"red{i}")]);
        var other = TestBed.Consume(queue);
        other.TakeExactly(10_000);
        var consumer = Selecting(queue, new TextFilter("red"));
        Assert.That(consumer.TryTake(), Is.Null);
        bed.Publish(queue, "blue");
        TestBed.WaitUntil(() => consumer.TryTake() is null && !consumer.Subscription.IsLooking, "the consumer to have seen all");
        other.Close();
        Assert.That(consumer.TakeExactly(10_000).ConvertAll(static one => one.Text), Is.EqualTo(Enumerable.Range(0, 10_000).Select(static i => $"red{i}")));
    }

    [Test]
    public async Task A_consumer_that_stopped_before_the_end_says_so_and_is_woken()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        bed.PublishAll(queue, [.. Enumerable.Range(0, 5000).Select(static i => $"blue{i}"), "red"]);
        var consumer = Selecting(queue, new TextFilter("red"));
        var ready = consumer.ReadyCount;
        Assert.That(consumer.TryTake(), Is.Null);
        Assert.That((consumer.Subscription.IsLooking, consumer.ReadyCount), Is.EqualTo((true, ready + 1)));
        Assert.That(consumer.Take().Text, Is.EqualTo("red"));
        Assert.That(consumer.TryTake(), Is.Null);
        Assert.That(consumer.Subscription.IsLooking, Is.False);
    }

    [Test]
    public async Task A_selecting_consumer_of_lower_priority_waits_for_those_above_it()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var low = Selecting(queue, new TextFilter("red"));
        var high = TestBed.Consume(queue, new SubscribeOptions { Priority = 5 });
        Assert.That(high.TryTake(), Is.Null, "it asked, so it waits");
        bed.PublishAll(queue, ["red1", "red2"]);
        TestBed.WaitUntil(() => high.ReadyCount > 0, "the consumer of high priority to be woken");
        Assert.That(low.TryTake(), Is.Null);
        Assert.That(high.TakeUpTo(1).ConvertAll(static one => one.Text), Is.EqualTo(new[] { "red1" }));
        Assert.That(low.Take().Text, Is.EqualTo("red2"), "the one above has all it asked for");
    }

    [Test]
    public async Task A_filter_is_told_the_failed_deliveries()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        bed.Publish(queue, "x");
        var second = Selecting(queue, new DeliveryCountFilter(1));
        var any = TestBed.Consume(queue);
        var taken = any.Take();
        Assert.That(second.TryTake(), Is.Null);
        any.Settle(new Settlement(taken.Token, OutcomeKind.Modified, DeliveryFailed: true));
        any.Close();
        Assert.That(second.Take().DeliveryCount, Is.EqualTo(1));
    }

    [Test]
    public async Task Paged_bodies_are_read_for_the_filter_and_handed_over_with_the_match()
    {
        await using var bed = new TestBed(static options => options with { BodyMemoryBytes = 0 });
        var queue = await bed.QueueAsync();
        bed.PublishAll(queue, [.. Enumerable.Range(0, 500).Select(static i => i % 50 == 49 ? $"red{i}" : $"blue{i}")], durable: true);
        var consumer = Selecting(queue, new TextFilter("red"));
        var taken = consumer.TakeExactly(10);
        Assert.That(taken.ConvertAll(static one => one.Text), Is.EqualTo(Enumerable.Range(0, 10).Select(static i => $"red{(i * 50) + 49}")));
        Assert.That(taken.TrueForAll(static one => one.Raw.Message is not null), Is.True, "what was read to be looked at is not read again");
    }

    [Test]
    public async Task A_hundred_consumers_get_their_own_each()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var consumers = Enumerable.Range(0, 100).Select(i => Selecting(queue, new TextFilter($"{i:D2}-"))).ToList();
        bed.PublishAll(queue, [.. Enumerable.Range(0, 3000).Select(static i => $"{i * 7 % 100:D2}-{i}")]);
        for (var i = 0; i < consumers.Count; i++)
        {
            var own = consumers[i].TakeExactly(30);
            Assert.That(own.ConvertAll(static one => one.Text), Is.All.StartsWith($"{i:D2}-"));
            Assert.That(consumers[i].TryTake(), Is.Null);
        }
    }

    private sealed class CountingFilter(string prefix) : IMessageFilter
    {
        private readonly byte[] _prefix = Encoding.UTF8.GetBytes(prefix);
        private int _looks;

        public int Looks => Volatile.Read(ref _looks);

        public bool Matches(StoredMessage message, uint deliveryCount)
        {
            Interlocked.Increment(ref _looks);
            return message.Span.StartsWith(_prefix);
        }
    }

    private sealed class DeliveryCountFilter(uint wanted) : IMessageFilter
    {
        public bool Matches(StoredMessage message, uint deliveryCount) => deliveryCount == wanted;
    }
}
