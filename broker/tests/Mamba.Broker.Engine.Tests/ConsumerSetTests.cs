namespace Mamba.Broker.Engine.Tests;

/// <summary>Whom a queue wakes and how it shares, held against a plainly written model, for random consumers and happenings.</summary>
public sealed class ConsumerSetTests
{
    [Test]
    public void It_wakes_and_shares_as_a_plain_model_does([Range(1, 40)] int seed)
    {
        var random = new Random(seed);
        var set = new ConsumerSet();
        var model = new Model();
        for (var (step, version) = (0, 0L); step < 2_000; step++)
        {
            switch (random.Next(8))
            {
                case 0 when model.Line.Count < 30:
                    var added = Consumer(random.Next(3));
                    set.Add(added);
                    model.Line.Add(added);
                    break;
                case 1 when model.Line.Count > 0:
                    var removed = model.Line[random.Next(model.Line.Count)];
                    set.Remove(removed);
                    model.Line.Remove(removed);
                    break;
                case 2:
                    version++;
                    break;
                case 3 or 4 when model.Line.Count > 0:
                    var consumer = model.Line[random.Next(model.Line.Count)];
                    var available = random.Next(100);
                    Assert.That(set.ShareOf(consumer, available, version), Is.EqualTo(model.ShareOf(consumer, available, version)));
                    var wait = random.Next(3) == 0 ? ConsumerWait.Idle : ConsumerWait.Armed;
                    set.SetWait(consumer, wait, random.Next(2) == 0 ? version : -1);
                    model.ToTheEnd(consumer);
                    break;
                default:
                    var signals = new List<QueueConsumer>();
                    var messages = random.Next(5);
                    var expected = model.ToWake(messages, version);
                    set.Wake(messages, version, signals);
                    Assert.That(signals, Is.EqualTo(expected));
                    Assert.That(signals.Select(static c => c.Wait), Is.All.EqualTo(ConsumerWait.Signalled));
                    break;
            }
        }
    }

    [Test]
    public void With_a_thousand_that_wait_each_message_wakes_the_next_in_line()
    {
        var set = new ConsumerSet();
        var consumers = Enumerable.Range(0, 1_000).Select(static _ => Consumer(0)).ToList();
        consumers.ForEach(set.Add);
        var signals = new List<QueueConsumer>();
        for (var version = 1; version <= 2_000; version++)
        {
            signals.Clear();
            set.Wake(1, version, signals);
            Assert.That(signals, Is.EqualTo(new[] { consumers[(version - 1) % 1_000] }));
            Assert.That(set.ShareOf(signals[0], 1, version), Is.EqualTo(1));
            set.SetWait(signals[0], ConsumerWait.Armed, version);
        }
    }

    private static QueueConsumer Consumer(int priority) => new(host: null!, new SubscribeOptions { Priority = priority }, new SilentSubscriber());

    /// <summary>The rules said plainly; <see cref="Line"/> holds all consumers, the one that came or took longest ago first.</summary>
    private sealed class Model
    {
        public List<QueueConsumer> Line { get; } = [];

        public void ToTheEnd(QueueConsumer consumer)
        {
            Line.Remove(consumer);
            Line.Add(consumer);
        }

        public long ShareOf(QueueConsumer consumer, long available, long version)
        {
            if (Line.Count == 1)
            {
                return available;
            }

            var others = Line.Where(c => c != consumer && Waits(c, version)).ToList();
            var equals = others.Count(c => c.Priority == consumer.Priority);
            return others.Exists(c => c.Priority > consumer.Priority) ? 0 : (available + equals) / (equals + 1);
        }

        public List<QueueConsumer> ToWake(int messages, long version)
        {
            var waiting = Line.Where(c => Waits(c, version)).ToList();
            if (messages == 0 || waiting.Count == 0)
            {
                return [];
            }

            var first = waiting.Where(c => c.Priority == waiting.Max(static w => w.Priority)).ToList();
            var coming = first.Count(static c => c.Wait == ConsumerWait.Signalled);
            return [.. first.Where(static c => c.Wait == ConsumerWait.Armed).Take(Math.Max(0, messages - coming))];
        }

        private static bool Waits(QueueConsumer consumer, long version) => consumer.Wait != ConsumerWait.Idle && consumer.SeenVersion != version;
    }
}
