using Mamba.Amqp.Client;
using Mamba.Tools.Model.Modelling;
using Mamba.Tools.Model.Running;
using Mamba.Tools.Model.Sequences;

namespace Mamba.Tools.Model.Tests;

/// <summary>
/// The harness must find what it is there to find. Against a broker that is right, a model with one rule broken, or a wire on which
/// one message is lost, doubled or out of order, is the same as a broker with that fault.
/// </summary>
[CancelAfter(300_000)]
internal sealed class HarnessTests
{
    private static readonly Rules Right = new();

    /// <summary>Short, since what is lost stays lost; only where that is what the test is about.</summary>
    private static readonly TimeSpan Impatience = TimeSpan.FromSeconds(1);

    [TestCaseSource(typeof(BrokenRules), nameof(BrokenRules.Cases))]
    public async Task A_broken_rule_is_a_difference(Rules broken, string difference, object script)
    {
        var played = (Script)script;
        Assert.That(await played.PlayAsync(Right), Is.Null, "with the right rules");
        var options = new PlayerOptions { PatienceAtTheEnd = Impatience };
        options = difference == Player.NotDelivered ? options with { Patience = Impatience } : options;
        Assert.That(await played.PlayAsync(broken, options), Does.Contain(difference));
    }

    [Test]
    public async Task A_lost_message_is_a_difference()
    {
        var script = new Script().Consume(0, AckMode.Auto).Send().Send().Do(OperationKind.Receive);
        var difference = await PlayTamperedAsync(script, static (number, arrived) => number == 1 ? [] : arrived, Impatience);
        Assert.That(difference, Does.Contain("m2 on script.plain was not delivered"));
    }

    [Test]
    public async Task A_doubled_message_is_a_difference()
    {
        var script = new Script().Consume(0, AckMode.Client).Send().Do(OperationKind.Receive);
        Assert.That(await PlayTamperedAsync(script, static (_, arrived) => [.. arrived, .. arrived]), Does.Contain("was given m2 on script.plain, which is Held by k0"));
    }

    [Test]
    public async Task A_message_that_was_settled_and_comes_again_is_a_difference()
    {
        IReadOnlyList<ReceivedMessage> first = [];
        var script = new Script().Consume(0, AckMode.Auto).Send().Do(OperationKind.Receive).Send();
        Assert.That(await PlayTamperedAsync(script, Again), Does.Contain("was given m2, which is not on script.plain"));

        IReadOnlyList<ReceivedMessage> Again(int number, IReadOnlyList<ReceivedMessage> arrived)
        {
            first = number == 1 ? arrived : first;
            return number == 1 ? arrived : first;
        }
    }

    [Test]
    public async Task Messages_out_of_order_are_a_difference()
    {
        var script = new Script().Send().Send().Send().Consume(0, AckMode.Auto);
        IReadOnlyList<ReceivedMessage> all = [];
        Assert.That(await PlayTamperedAsync(script, WaitForAll), Does.Contain("comes first"));

        IReadOnlyList<ReceivedMessage> WaitForAll(int number, IReadOnlyList<ReceivedMessage> arrived)
        {
            all = [.. all, .. arrived];
            return all.Count == 3 ? [.. all.Reverse()] : [];
        }
    }

    [Test]
    public async Task What_fails_is_made_small_and_its_seed_named()
    {
        var options = new CampaignOptions { Sequences = 200, Length = 15, Workers = 2, MostDifferences = 1, Rules = Right with { PriorityCounts = false } };
        var campaign = new Campaign(options, TextWriter.Null);
        await campaign.RunAsync(CancellationToken.None);
        Assert.That(campaign.Findings, Is.Not.Empty);
        var finding = campaign.Findings[0];
        Assert.That(finding.Operations, Has.Count.LessThan(options.Length), finding.ToString());
        Assert.That(finding.Operations, Is.SubsetOf(Generator.Make(finding.Seed, options.Length)));
    }

    private static Task<string?> PlayTamperedAsync(
        Script script, Func<int, IReadOnlyList<ReceivedMessage>, IReadOnlyList<ReceivedMessage>> tamper, TimeSpan? patience = null)
    {
        var number = 0;
        return script.PlayAsync(Right, new PlayerOptions { Patience = patience ?? new PlayerOptions().Patience, Tamper = arrived => tamper(++number, arrived) });
    }
}
