using System.Globalization;

namespace Mamba.Broker.Engine.Tests;

/// <summary>Random commands on one queue, compared step by step with a plain list.</summary>
internal sealed class ModelTests
{
    private sealed record ModelMessage(int Number, int Priority)
    {
        public TestConsumer? Holder { get; set; }

        public uint Failures { get; set; }

        public HashSet<TestConsumer> Excluded { get; } = [];

        public Taken? Taken { get; set; }
    }

    [Test]
    public async Task Behaves_like_a_list([Range(1, 40)] int seed)
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", new NodeOptions { MaxDeliveries = 0 });
        var random = new Random(seed);
        var model = new List<ModelMessage>();
        var consumers = new List<TestConsumer>();
        var number = 0;
        for (var step = 0; step < 1500; step++)
        {
            switch (random.Next(10))
            {
                case 0 or 1 or 2:
                    number = Publish(bed, queue, random, model, number);
                    break;
                case 3 or 4 or 5:
                    Acquire(random, model, consumers);
                    break;
                case 6 or 7 or 8:
                    SettleOne(random, model);
                    break;
                default:
                    OpenOrClose(queue, random, model, consumers);
                    break;
            }

            var status = queue.Describe();
            Assert.That(
                (status.Depth, status.Acquired, status.Consumers),
                Is.EqualTo(((long)model.Count, (long)model.Count(static one => one.Holder is not null), consumers.Count)),
                $"step {step}");
        }

        foreach (var consumer in consumers)
        {
            consumer.Close();
        }

        var expected = model.OrderByDescending(static one => one.Priority).ThenBy(static one => one.Number);
        Assert.That(bed.Drain("q"), Is.EqualTo(expected.Select(static one => $"{one.Number}")));
    }

    private static int Publish(TestBed bed, IMessageNode queue, Random random, List<ModelMessage> model, int number)
    {
        var priority = (byte)random.Next(3, 6);
        var texts = new List<string>();
        for (var count = random.Next(1, random.Next(20) == 0 ? 600 : 4); count > 0; count--)
        {
            model.Add(new ModelMessage(number, priority));
            texts.Add($"{number++}");
        }

        bed.PublishAll(queue, texts, durable: false, priority);
        return number;
    }

    private static void Acquire(Random random, List<ModelMessage> model, List<TestConsumer> consumers)
    {
        if (consumers.Count == 0)
        {
            return;
        }

        var consumer = consumers[random.Next(consumers.Count)];
        var wanted = random.Next(0, random.Next(20) == 0 ? 500 : 5);
        var eligible = model.Where(one => one.Holder is null && !one.Excluded.Contains(consumer))
            .OrderByDescending(static one => one.Priority).ThenBy(static one => one.Number).ToList();
        var taken = consumer.TakeUpTo(wanted);
        Assert.That(taken, Has.Count.LessThanOrEqualTo(Math.Min(wanted, eligible.Count)));
        Assert.That(taken.Count > 0, Is.EqualTo(wanted > 0 && eligible.Count > 0), "took nothing although something was there");
        for (var i = 0; i < taken.Count; i++)
        {
            Assert.That((taken[i].Text, taken[i].DeliveryCount), Is.EqualTo((eligible[i].Number.ToString(CultureInfo.InvariantCulture), eligible[i].Failures)));
            eligible[i].Holder = consumer;
            eligible[i].Taken = taken[i];
        }
    }

    private static void SettleOne(Random random, List<ModelMessage> model)
    {
        var held = model.Where(static one => one.Holder is not null).ToList();
        if (held.Count == 0)
        {
            return;
        }

        foreach (var message in held.Skip(random.Next(held.Count)).Take(random.Next(1, 50)))
        {
            var failed = random.Next(3) == 0;
            var kind = random.Next(4);
            var outcome = kind switch
            {
                0 or 1 => Settlement.Accept(message.Taken!.Token),
                2 => new Settlement(message.Taken!.Token, OutcomeKind.Released),
                _ => new Settlement(message.Taken!.Token, OutcomeKind.Modified, failed, UndeliverableHere: !failed && random.Next(3) == 0),
            };
            if (kind <= 1)
            {
                model.Remove(message);
            }
            else
            {
                message.Failures += outcome.DeliveryFailed ? 1u : 0u;
                if (outcome.UndeliverableHere)
                {
                    message.Excluded.Add(message.Holder!);
                }
            }

            message.Holder!.Settle(outcome);
            message.Holder = null;
        }
    }

    private static void OpenOrClose(IMessageNode queue, Random random, List<ModelMessage> model, List<TestConsumer> consumers)
    {
        if (consumers.Count < 3 || random.Next(2) == 0)
        {
            consumers.Add(TestBed.Consume(queue));
            return;
        }

        var consumer = consumers[random.Next(consumers.Count)];
        var failed = random.Next(2) == 0;
        consumers.Remove(consumer);
        consumer.Close(failed ? SettleOnClose.Failed : SettleOnClose.Released);
        foreach (var message in model.Where(one => one.Holder == consumer))
        {
            message.Holder = null;
            message.Failures += failed ? 1u : 0u;
        }
    }
}
