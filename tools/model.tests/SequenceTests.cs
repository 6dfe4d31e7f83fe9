using Mamba.Tools.Model.Running;

namespace Mamba.Tools.Model.Tests;

/// <summary>A short campaign in every test run; the long one is <c>tools/model</c> from the command line.</summary>
internal sealed class SequenceTests
{
    private const int Sequences = 500;

    [Test]
    [CancelAfter(900_000)]
    public async Task Random_sequences_of_JMS_operations_show_what_the_model_shows(CancellationToken stop)
    {
        var campaign = new Campaign(new CampaignOptions { Sequences = Sequences, MostDifferences = 1 }, TestContext.Progress);
        await campaign.RunAsync(stop);
        Assert.That(string.Join('\n', campaign.Findings), Is.Empty);
        Assert.That(campaign.Played, Is.EqualTo(Sequences));
        Assert.That(campaign.Deliveries, Is.GreaterThan(Sequences * 5), "most sequences must have come to something for this to mean anything");
    }
}
