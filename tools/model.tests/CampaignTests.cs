using Mamba.Tools.Model.Running;
using Mamba.Tools.Model.Sequences;

namespace Mamba.Tools.Model.Tests;

/// <summary>A campaign that is ended before its time.</summary>
[CancelAfter(300_000)]
internal sealed class CampaignTests
{
    [Test]
    public async Task A_campaign_that_is_ended_sums_up_and_keeps_what_it_found()
    {
        using var stop = new CancellationTokenSource();
        using var log = new StringWriter();
        // The first message is lost, and then waited for; the campaign is ended meanwhile.
        var player = new PlayerOptions { Tamper = arrived => { stop.Cancel(); return []; } };
        var campaign = new Campaign(new CampaignOptions { Sequences = int.MaxValue, Workers = 1, Player = player }, log);
        await campaign.RunAsync(stop.Token);
        Assert.That(campaign.Findings, Is.Empty, "what was being played when it was ended says nothing");
        Assert.That(log.ToString(), Does.Contain($"ended before its time: {campaign.Played} sequences").And.Contain("0 differences"));
    }

    [Test]
    public async Task A_difference_that_was_being_made_small_is_kept_as_it_is()
    {
        using var stop = new CancellationTokenSource();
        using var log = new StringWriter();
        var differs = 0;
        // Every message comes twice, which is a difference; the second time, while that is made small, the campaign is ended.
        var player = new PlayerOptions
        {
            Tamper = arrived =>
            {
                if (++differs == 2)
                {
                    stop.Cancel();
                }

                return [.. arrived, .. arrived];
            },
        };
        var campaign = new Campaign(new CampaignOptions { Sequences = int.MaxValue, Workers = 1, Player = player }, log);
        await campaign.RunAsync(stop.Token);
        Assert.That(campaign.Findings, Has.Count.EqualTo(1));
        Assert.That(campaign.Findings[0].Difference, Does.Contain("not made small: the campaign was ended"));
        Assert.That(log.ToString(), Does.Contain($"1 differences (seeds {campaign.Findings[0].Seed})"));
    }

    [Test]
    public void Without_confirmation_nobody_asks_for_it()
    {
        Assert.That(Consumers(Features.All & ~Features.Confirmation).Any(static operation => operation.Flag), Is.False);
        Assert.That(Consumers(Features.All).Any(static operation => operation.Flag), Is.True);

        static IEnumerable<Operation> Consumers(Features features) =>
            Enumerable.Range(1, 50).SelectMany(seed => Generator.Make(seed, 40, features)).Where(static operation => operation.Kind == OperationKind.Consume);
    }
}
