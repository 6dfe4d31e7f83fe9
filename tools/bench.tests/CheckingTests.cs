using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Tools.Bench.Checking;
using Mamba.Tools.Bench.Load;

namespace Mamba.Tools.Bench.Tests;

public sealed class CheckingTests
{
    private const uint Run = 7;

    private readonly BenchOptions _options = new()
    {
        Mode = BenchMode.Both,
        Uri = new Uri("amqp://127.0.0.1"),
        Address = "q",
        ReceiveAddress = "q",
        Size = 300,
        Senders = 2,
    };

    [TestCase(28)]
    [TestCase(255)]
    [TestCase(256)]
    [TestCase(70_000)]
    public void ATemplateIsAMessageAndItsBodyIsFoundAgain(int size)
    {
        var encoded = new MessageTemplate(size, durable: true).With(new Stamp(Run, 1, 99, 12345)).ToArray();
        var message = AmqpMessage.Decode(encoded);
        Assert.That(message.Header!.Value.Durable, Is.True);
        Assert.That(message.Data, Has.Length.EqualTo(size));
        Assert.That(MessageTemplate.BodyOf(encoded, size).ToArray(), Is.EqualTo(message.Data));
        Assert.That(Stamp.TryRead(message.Data, out var stamp), Is.True);
        Assert.That(stamp, Is.EqualTo(new Stamp(Run, 1, 99, 12345)));
    }

    [Test]
    public void ATemplateWithKeysGivesEachMessageItsOwn()
    {
        var template = new MessageTemplate(300, durable: false, keys: 120);
        var first = template.With(new Stamp(Run, 0, 7, 1)).ToArray();
        var later = template.With(new Stamp(Run, 0, 120 + 119, 1)).ToArray();
        Assert.That(KeyIn(first), Is.EqualTo("r0007").And.EqualTo(MessageTemplate.KeyOf(7)));
        Assert.That(KeyIn(later), Is.EqualTo("r0119"));
        Assert.That(AmqpMessage.Decode(first).ApplicationProperties!["amount"], Is.EqualTo(42));
        Assert.That(Stamp.TryRead(MessageTemplate.BodyOf(first, 300), out var stamp) && stamp.Sequence == 7, Is.True);

        static object? KeyIn(byte[] encoded) => AmqpMessage.Decode(encoded).ApplicationProperties!["region"];
    }

    [Test]
    public void AMessageThatTheSelectorShouldHaveKeptBackIsReported()
    {
        var failures = new Failures();
        var options = _options with { Keys = 3, Selector = "region = '%d'", Receivers = 3 };
        var template = new MessageTemplate(options.Size, durable: false, keys: 3);
        SequenceSet[] shared = [new(), new()];
        var checker = new DeliveryChecker("receiver 1", options, Run, shared, failures, key: 1);
        checker.Check(template.With(new Stamp(Run, 0, 1, 0)));
        checker.Check(template.With(new Stamp(Run, 0, 4, 0)));
        Assert.That(failures.Messages, Is.Empty);
        checker.Check(template.With(new Stamp(Run, 0, 5, 0)));
        Assert.That(failures.Messages, Has.Exactly(1).Contains("does not match this receiver's selector"));
    }

    [Test]
    public void AnAttachWithoutTheSelectorSaysSo()
    {
        var asked = SelectorFilter.Of("region = '%d' AND amount > 10", 7);
        Assert.That(((DescribedValue)asked.Single().Value!).Value, Is.EqualTo("region = 'r0007' AND amount > 10"));
        Assert.That(SelectorFilter.Refused(new Attach { Name = "l", Source = new Source { Filter = asked } }), Is.Null);
        Assert.That(SelectorFilter.Refused(new Attach { Name = "l", Source = new Source() }), Does.Contain("does not do selectors"));
        Assert.That(SelectorFilter.Refused(null), Does.Contain("does not do selectors"));
    }

    [Test]
    public void MessagesInOrderPass() => Assert.That(Check(null, (0, 0), (1, 0), (0, 1), (0, 2), (1, 1)), Is.Empty);

    [Test]
    public void AGapIsALoss() => Assert.That(Check(null, (0, 0), (0, 2)), Has.Exactly(1).Contains("1 are missing before it"));

    [Test]
    public void AMessageThatComesTwiceIsReported() => Assert.That(Check(null, (0, 0), (0, 1), (0, 1)), Has.Exactly(1).Contains("came again"));

    [Test]
    public void ANeighbourSwapIsAReorder() => Assert.That(Check(null, (0, 1), (0, 0)), Is.Not.Empty);

    [Test]
    public void CompetingReceiversMaySeeGapsButNoMessageTwice()
    {
        SequenceSet[] shared = [new(), new()];
        Assert.That(Check(shared, (0, 0), (0, 2)), Is.Empty);
        Assert.That(Check(shared, (0, 1), (0, 3)), Is.Empty);
        Assert.That(Check(shared, (0, 3)), Has.Exactly(1).Contains("came twice"));
    }

    [Test]
    public void AnAlteredBodyIsReported()
    {
        var failures = new Failures();
        var encoded = new MessageTemplate(_options.Size, durable: false).With(new Stamp(Run, 0, 0, 0)).ToArray();
        encoded[^1] ^= 1;
        Checker(failures, null).Check(encoded);
        Assert.That(failures.Messages, Has.Exactly(1).Contains("altered"));
    }

    [Test]
    public void AMessageOfAnotherRunOrNoneIsReported()
    {
        var failures = new Failures();
        var checker = Checker(failures, null);
        checker.Check(new MessageTemplate(_options.Size, durable: false).With(new Stamp(Run + 1, 0, 0, 0)));
        checker.Check(AmqpMessage.FromValue("hello").Encode());
        Assert.That(failures.Messages, Has.Count.EqualTo(2));
        Assert.That(failures.Messages[0], Does.Contain("another run"));
        Assert.That(failures.Messages[1], Does.Contain("no stamp"));
    }

    [Test]
    public void TheWarmUpIsCheckedAndNotMeasured()
    {
        var failures = new Failures();
        var checker = new DeliveryChecker("r", _options with { Warmup = 2 }, Run, null, failures);
        var template = new MessageTemplate(_options.Size, durable: false);
        for (var i = 0; i < 5; i++)
        {
            checker.Check(template.With(new Stamp(Run, 0, i, 0)));
        }

        Assert.That((checker.Received, checker.Measured, checker.Latencies.Count), Is.EqualTo((5L, 3L, 3L)));
        Assert.That(failures.Any, Is.False);
    }

    [Test]
    public void TheSetGrowsAndRemembers()
    {
        var set = new SequenceSet();
        Assert.That(set.Add(0) && set.Add(63) && set.Add(64) && set.Add(50_000_000), Is.True);
        Assert.That(set.Add(50_000_000), Is.False);
        Assert.That(set.Add(49_999_999), Is.True);
    }

    [Test]
    public void FailuresKeepTheFirstAndCountTheRest()
    {
        var failures = new Failures();
        for (var i = 0; i < 8; i++)
        {
            failures.Add($"f{i}");
        }

        Assert.That(failures.Messages, Is.EqualTo(new[] { "f0", "f1", "f2", "f3", "f4", "and 3 more" }));
    }

    private DeliveryChecker Checker(Failures failures, SequenceSet[]? shared) => new("receiver 0", _options, Run, shared, failures);

    private IReadOnlyList<string> Check(SequenceSet[]? shared, params (uint Producer, long Sequence)[] arrivals)
    {
        var failures = new Failures();
        var checker = Checker(failures, shared);
        var template = new MessageTemplate(_options.Size, durable: false);
        foreach (var (producer, sequence) in arrivals)
        {
            checker.Check(template.With(new Stamp(Run, producer, sequence, 0)));
        }

        return failures.Messages;
    }
}
