namespace Mamba.Broker.Engine.Tests;

/// <summary>Batches whose publisher wants to know the numbers of its messages.</summary>
internal sealed class NumberedBatchTests
{
    [Test]
    public async Task The_numbers_are_those_that_consumers_see([Values] bool durable, [Values] bool diverts)
    {
        await using var bed = new TestBed();
        if (diverts)
        {
            await bed.Engine.CreateDivertAsync(new DivertOptions { Name = "away", Pattern = "others", Target = "elsewhere" });
        }

        var queue = await bed.QueueAsync();
        bed.Publish(queue, "before");
        var numbers = Publish(bed, queue, durable, "1", "2", "3");
        var seen = TestBed.Consume(queue).TakeExactly(4);
        Assert.That(seen.Skip(1).Select(static taken => taken.Raw.MessageId), Is.EqualTo(new[] { numbers.First, numbers.First + 1, numbers.First + 2 }));
    }

    [Test]
    public async Task A_divert_that_applies_leaves_them_unknown()
    {
        await using var bed = new TestBed();
        await bed.Engine.CreateDivertAsync(new DivertOptions { Name = "away", Pattern = "q", Target = "elsewhere" });
        var queue = await bed.QueueAsync();
        Assert.That(Publish(bed, queue, durable: true, "1").First, Is.Zero);
        bed.Publish(queue, "2");
        Assert.That((bed.DepthOf("q"), bed.DepthOf("elsewhere")), Is.EqualTo((2L, 2L)));
    }

    private static MessageNumbers Publish(TestBed bed, IMessageNode node, bool durable, params string[] texts)
    {
        var numbers = new MessageNumbers();
        var observer = new PublishRecorder(texts.Length);
        var batch = PublishBatch.Rent();
        batch.Numbers = numbers;
        for (var i = 0; i < texts.Length; i++)
        {
            batch.Add(node, bed.Message(texts[i], durable), observer, i);
        }

        bed.Engine.Publish(batch);
        Assert.That(observer.Wait(), Is.All.EqualTo(PublishOutcome.Accepted));
        return numbers;
    }
}
