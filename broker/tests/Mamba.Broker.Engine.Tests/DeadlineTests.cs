using Mamba.Broker.Testing;

namespace Mamba.Broker.Engine.Tests;

/// <summary>The one timer of all queues, while its rounds take longer than the time to the next deadline.</summary>
[TestFixture]
internal sealed class DeadlineTests
{
    [Test]
    public async Task A_deadline_that_passes_during_a_round_is_met()
    {
        await using var bed = new TestBed();
        for (var i = 0; i < 16; i++)
        {
            bed.Publish(await bed.QueueAsync($"later.{i}"), $"later {i}", durable: false, delay: 2_000);
        }

        var slow = await bed.QueueAsync("slow");
        bed.Publish(slow, "due first", durable: false, delay: 1_000);
        var subscriber = new SlowSubscriber(bed.Clock, TimeSpan.FromSeconds(1));
        slow.Subscribe(new SubscribeOptions(), subscriber);
        bed.Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.That(subscriber.Times, Is.EqualTo(1));
        for (var i = 0; i < 16; i++)
        {
            Assert.That(bed.Drain($"later.{i}"), Is.EqualTo(new[] { $"later {i}" }));
        }

        // And the timer goes on.
        bed.Publish(await bed.QueueAsync("after"), "after", durable: false, delay: 3_000);
        bed.Clock.Advance(TimeSpan.FromSeconds(3));
        Assert.That(bed.Drain("after"), Is.EqualTo(new[] { "after" }));
    }

    /// <summary>Lets so much time pass whenever it is told of a message.</summary>
    private sealed class SlowSubscriber(ManualClock clock, TimeSpan takes) : ISubscriber
    {
        public int Times { get; private set; }

        public void OnReady()
        {
            Times++;
            clock.Advance(takes);
        }

        public void OnNodeDeleted()
        {
            // Nobody waits for it.
        }
    }
}
