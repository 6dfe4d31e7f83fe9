using Mamba.Broker.Host.Running;

namespace Mamba.Broker.Host.Tests.Running;

internal sealed class MemoryKeeperTests
{
    private const long MiB = 1L << 20;

    [Test]
    public void What_a_drained_backlog_took_is_given_back_when_it_is_quiet()
    {
        var keeper = new MemoryKeeper(At(cpu: 0, resident: 60, messages: 0));
        Assert.That(keeper.Decide(At(cpu: 8, resident: 240, messages: 160)), Is.EqualTo(MemoryStep.None), "filling");
        Assert.That(keeper.Decide(At(cpu: 8.1, resident: 230, messages: 160)), Is.EqualTo(MemoryStep.None), "the messages need it");
        Assert.That(keeper.Decide(At(cpu: 12, resident: 235, messages: 100)), Is.EqualTo(MemoryStep.None), "draining");
        Assert.That(keeper.Decide(At(cpu: 12.1, resident: 240, messages: 0)), Is.EqualTo(MemoryStep.Release), "quiet and drained");
    }

    [Test]
    public void A_release_that_brought_little_is_not_repeated()
    {
        var keeper = new MemoryKeeper(At(cpu: 0, resident: 60, messages: 0));
        Assert.That(keeper.Decide(At(cpu: 0, resident: 90, messages: 0)), Is.EqualTo(MemoryStep.Release));
        keeper.Settle(At(cpu: 0.1, resident: 85, messages: 0));
        Assert.That(keeper.Decide(At(cpu: 0.2, resident: 90, messages: 0)), Is.EqualTo(MemoryStep.None));
        Assert.That(keeper.Decide(At(cpu: 0.3, resident: 105, messages: 0)), Is.EqualTo(MemoryStep.Release));
    }

    [Test]
    public void Under_load_it_collects_seldom_and_only_for_much()
    {
        var keeper = new MemoryKeeper(At(cpu: 0, resident: 60, messages: 0));
        var steps = Enumerable.Range(1, 12).Select(i => keeper.Decide(At(cpu: 10 * i, resident: 120, messages: 0)));
        Assert.That(steps, Is.All.EqualTo(MemoryStep.None));
        Assert.That(keeper.Decide(At(cpu: 130, resident: 400, messages: 100)), Is.EqualTo(MemoryStep.CollectInBackground));
        keeper.Settle(At(cpu: 131, resident: 300, messages: 0));
        for (var i = 1; i <= 5; i++)
        {
            Assert.That(keeper.Decide(At(cpu: 131 + (10 * i), resident: 500, messages: 0)), Is.EqualTo(MemoryStep.None));
        }

        Assert.That(keeper.Decide(At(cpu: 200, resident: 500, messages: 0)), Is.EqualTo(MemoryStep.CollectInBackground));
    }

    private static MemoryReading At(double cpu, long resident, long messages) => new(TimeSpan.FromSeconds(cpu), resident * MiB, messages * MiB);
}
