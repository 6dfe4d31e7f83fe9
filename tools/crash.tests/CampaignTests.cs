namespace Mamba.Tools.Crash.Tests;

/// <summary>A short campaign in every test run; the long one is <c>tools/crash</c> from the command line.</summary>
internal sealed class CampaignTests
{
    private const int Kills = 10;

    [Test]
    [CancelAfter(300_000)]
    public async Task Ten_kills_under_load_lose_double_tear_and_reorder_nothing(CancellationToken stop)
    {
        var options = new CampaignOptions(
            Kills, Seed: 3, MinLifeMilliseconds: 150, MaxLifeMilliseconds: 900, new WorkloadOptions(Producers: 4, Consumers: 4, InFlight: 50, BodyBytes: 256));
        var tally = await new Campaign(options, TestContext.Progress).RunAsync(stop);
        TestContext.Out.WriteLine(tally);
        Assert.That(tally.IsClean, Is.True, tally.ToString());
        Assert.That(tally.Acknowledged, Is.GreaterThan(Kills * 10), "the load must have got somewhere for the campaign to mean anything");
        Assert.That(tally.Unknown, Is.GreaterThan(0), "the kills must have hit messages under way");
    }
}
