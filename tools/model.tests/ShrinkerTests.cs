using Mamba.Tools.Model.Modelling;
using Mamba.Tools.Model.Running;
using Mamba.Tools.Model.Sequences;

namespace Mamba.Tools.Model.Tests;

internal sealed class ShrinkerTests
{
    [Test]
    public void A_seed_always_makes_the_same_sequence()
    {
        var first = Generator.Make(17, 100);
        Assert.That(Generator.Make(17, 100), Is.EqualTo(first));
        Assert.That(Generator.Make(18, 100), Is.Not.EqualTo(first));
    }

    [Test]
    public void Without_time_nothing_expires_waits_or_restarts()
    {
        var operations = Enumerable.Range(1, 200).SelectMany(static seed => Generator.Make(seed, 40, Features.All & ~Features.Time)).ToArray();
        Assert.That(operations, Has.None.Matches<Operation>(static o => o.Ttl > 0 || o.Delay > 0 || o.Kind is OperationKind.Advance or OperationKind.Restart));
    }

    [Test]
    public void What_a_broker_has_not_is_left_out()
    {
        var operations = Enumerable.Range(1, 200).SelectMany(static seed => Generator.Make(seed, 40, Features.None)).ToArray();
        OperationKind[] left =
        [
            OperationKind.Send, OperationKind.Consume, OperationKind.Receive, OperationKind.ReceiveAndThrow, OperationKind.Acknowledge, OperationKind.AcknowledgeAs,
            OperationKind.Recover, OperationKind.Commit, OperationKind.Rollback, OperationKind.CloseConsumer, OperationKind.CloseSession, OperationKind.CloseConnection,
        ];
        Assert.That(operations.Select(static o => o.Kind).Distinct(), Is.EquivalentTo(left));
        Assert.That(operations, Has.All.Matches<Operation>(static o =>
            o is { Selector: -1, Group: null, Priority: 4, Other: false, AsksReply: false, Destination: Destination.Queue or Destination.Plain, Outcome: ModelOutcome.Accepted or ModelOutcome.Released }
            && o.Mode != AckMode.Transacted));
    }

    [Test]
    public void Every_kind_of_operation_comes_up()
    {
        var kinds = Enumerable.Range(1, 500).SelectMany(static seed => Generator.Make(seed, 40)).Select(static o => o.Kind).Distinct();
        Assert.That(kinds, Is.EquivalentTo(Enum.GetValues<OperationKind>()));
    }

    [Test]
    public async Task What_is_needed_to_fail_remains([Values(1, 2, 3)] int seed)
    {
        var operations = Generator.Make(seed, 60);
        int[] needed = [7, 8, 41];
        var shrunk = await Shrinker.ShrinkAsync(operations, candidate => Task.FromResult(needed.All(number => candidate.Any(o => o.Number == number))));
        Assert.That(shrunk.Select(static o => o.Number), Is.EqualTo(needed));
    }

    [Test]
    public async Task Shrinking_ends_when_its_budget_does()
    {
        var played = 0;
        var operations = Generator.Make(1, 60);
        var shrunk = await Shrinker.ShrinkAsync(operations, candidate => Task.FromResult(++played < 0), budget: 10);
        Assert.That((shrunk.Count, played), Is.EqualTo((operations.Count, 10)));
    }
}
