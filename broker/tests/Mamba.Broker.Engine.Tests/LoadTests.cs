using System.Collections.Concurrent;
using System.Text;

namespace Mamba.Broker.Engine.Tests;

internal sealed class LoadTests
{
    [Test]
    public async Task Many_threads_lose_and_double_nothing([Values] bool durable)
    {
        const int Producers = 4;
        const int PerProducer = 5000;
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", new NodeOptions { MaxDeliveries = 0 });
        var consumed = new ConcurrentDictionary<string, int>(StringComparer.Ordinal);
        using var done = new CountdownEvent(Producers * PerProducer);
        var consumers = Enumerable.Range(0, 4).Select(i => new PullingConsumer(queue, consumed, done, i)).ToArray();
        var producers = Enumerable.Range(0, Producers).Select(p => Task.Run(() => Produce(bed, queue, p, PerProducer, durable))).ToArray();
        await Task.WhenAll(producers);
        Assert.That(done.Wait(TimeSpan.FromSeconds(120)), Is.True, $"{done.CurrentCount} messages did not arrive");
        Assert.That(consumed, Has.Count.EqualTo(Producers * PerProducer));
        Assert.That(consumed.Values, Is.All.EqualTo(1));
        foreach (var consumer in consumers)
        {
            Assert.That(consumer.OutOfOrder, Is.Zero);
            consumer.Close();
        }

        var status = queue.Describe();
        Assert.That((status.Depth, status.Acquired, status.Dequeued), Is.EqualTo((0L, 0L, (long)Producers * PerProducer)));
        await bed.RestartAsync();
        Assert.That(bed.DepthOf("q"), Is.Zero);
    }

    [Test]
    public async Task Publish_acquire_settle_of_messages_in_memory_allocates_nothing()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var subscription = queue.Subscribe(new SubscribeOptions(), new SilentSubscriber());
        var observer = new CountingObserver();
        var taken = new AcquiredMessage[32];
        var settlements = new Settlement[32];
        for (var i = 0; i < 2000; i++)
        {
            Cycle(bed, queue, subscription, observer, taken, settlements);
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
        {
            Cycle(bed, queue, subscription, observer, taken, settlements);
        }

        var perMessage = (GC.GetAllocatedBytesForCurrentThread() - before) / (1000.0 * 32);
        TestContext.Out.WriteLine($"{perMessage:F3} bytes per message");
        Assert.That(observer.Accepted, Is.EqualTo(3000 * 32));
        Assert.That(perMessage, Is.LessThan(0.5));
    }

    [Test]
    public async Task Idle_queues_are_small_also_after_use()
    {
        const int Count = 10_000;
        await using var bed = new TestBed();
        var options = new NodeOptions { Durable = false };
        var before = GC.GetTotalMemory(forceFullCollection: true);
        for (var i = 0; i < Count; i++)
        {
            await bed.QueueAsync($"q{i}", options);
        }

        var unused = (GC.GetTotalMemory(forceFullCollection: true) - before) / Count;
        for (var i = 0; i < Count; i++)
        {
            var queue = bed.Engine.Find($"q{i}")!;
            bed.Publish(queue, "x", durable: false);
            var consumer = TestBed.Consume(queue);
            consumer.Accept(consumer.Take());
            consumer.Close();
        }

        bed.Clock.Advance(TimeSpan.FromSeconds(30));
        var used = (GC.GetTotalMemory(forceFullCollection: true) - before) / Count;
        TestContext.Out.WriteLine($"{unused} bytes before and {used} bytes after use");
        Assert.That(unused, Is.LessThan(4096));
        Assert.That(used, Is.LessThan(4096));
    }

    private static void Cycle(
        TestBed bed, IMessageNode queue, ISubscription subscription, CountingObserver observer, AcquiredMessage[] taken, Settlement[] settlements)
    {
        var batch = PublishBatch.Rent();
        for (var i = 0; i < 32; i++)
        {
            var message = StoredMessage.Rent(200);
            batch.Add(queue, message, observer, i);
        }

        bed.Engine.Publish(batch);
        var count = subscription.Acquire(taken);
        for (var i = 0; i < count; i++)
        {
            taken[i].Message!.Release();
            settlements[i] = Settlement.Accept(taken[i].Token);
        }

        subscription.Settle(settlements.AsSpan(0, count), null);
    }

    private static void Produce(TestBed bed, IMessageNode queue, int producer, int count, bool durable)
    {
        for (var i = 0; i < count; i += 25)
        {
            var batch = PublishBatch.Rent();
            for (var j = i; j < i + 25; j++)
            {
                batch.Add(queue, bed.Message($"{producer}:{j}", durable), null, j);
            }

            bed.Engine.Publish(batch);
        }
    }

    private sealed class CountingObserver : IPublishObserver
    {
        public int Accepted { get; private set; }

        public void OnPublished(ReadOnlySpan<PublishResult> results)
        {
            foreach (var result in results)
            {
                Accepted += result.Outcome == PublishOutcome.Accepted ? 1 : 0;
            }
        }
    }

    /// <summary>Pulls on the pool whenever it is woken; gives some messages back, accepts the others.</summary>
    private sealed class PullingConsumer : ISubscriber
    {
        private readonly ISubscription _subscription;
        private readonly ConcurrentDictionary<string, int> _consumed;
        private readonly CountdownEvent _done;
        private readonly Random _random;
        private readonly int[] _lastOfProducer = [-1, -1, -1, -1];
        private readonly TaskCompletionSource _subscribed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _pulling;

        public PullingConsumer(IMessageNode queue, ConcurrentDictionary<string, int> consumed, CountdownEvent done, int seed)
        {
            _consumed = consumed;
            _done = done;
            _random = new Random(seed);
            _subscription = queue.Subscribe(new SubscribeOptions(), this);
            _subscribed.SetResult();
        }

        public int OutOfOrder { get; private set; }

        public void OnReady()
        {
            if (Interlocked.Increment(ref _pulling) == 1)
            {
                _ = Task.Run(PullAsync);
            }
        }

        public void OnNodeDeleted()
        {
        }

        public void Close() => _subscription.Close(SettleOnClose.Released);

        private async Task PullAsync()
        {
            await _subscribed.Task;
            var buffer = new AcquiredMessage[20];
            int seen;
            do
            {
                seen = Volatile.Read(ref _pulling);
                int count;
                while ((count = _subscription.Acquire(buffer)) > 0)
                {
                    Consume(buffer.AsSpan(0, count));
                }
            }
            while (Interlocked.CompareExchange(ref _pulling, 0, seen) != seen);
        }

        private void Consume(Span<AcquiredMessage> messages)
        {
            var settlements = new Settlement[messages.Length];
            var accepted = 0;
            for (var i = 0; i < messages.Length; i++)
            {
                var message = messages[i].Message ?? _subscription.LoadBody(messages[i])!;
                var text = Encoding.UTF8.GetString(message.Span);
                message.Release();
                CheckOrder(text, messages[i].FirstAcquirer);
                var release = _random.Next(50) == 0;
                settlements[i] = new Settlement(messages[i].Token, release ? OutcomeKind.Released : OutcomeKind.Accepted);
                if (!release)
                {
                    _consumed.AddOrUpdate(text, 1, static (_, count) => count + 1);
                    accepted++;
                }
            }

            _subscription.Settle(settlements, null);
            if (accepted > 0)
            {
                _done.Signal(accepted);
            }
        }

        private void CheckOrder(string text, bool firstAcquirer)
        {
            if (!firstAcquirer)
            {
                return;
            }

            var producer = text[0] - '0';
            var number = int.Parse(text.AsSpan(2), System.Globalization.CultureInfo.InvariantCulture);
            OutOfOrder += number < _lastOfProducer[producer] ? 1 : 0;
            _lastOfProducer[producer] = number;
        }
    }
}
