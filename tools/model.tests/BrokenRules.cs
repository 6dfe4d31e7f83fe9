using Mamba.Tools.Model.Modelling;
using Mamba.Tools.Model.Running;
using Mamba.Tools.Model.Sequences;

namespace Mamba.Tools.Model.Tests;

/// <summary>For each rule of the model: the rule broken, a sequence that shows it, and the difference it makes.</summary>
internal static class BrokenRules
{
    private static readonly Rules Right = new();

    public static IEnumerable<TestCaseData> Cases()
    {
        yield return Case("priority", Right with { PriorityCounts = false }, "should have given",
            new Script().Send(1).Send(9).Do(OperationKind.Browse));
        yield return Case("rollback", Right with { RollbackCounts = false }, "delivery-count is 1 and should be 0",
            new Script().Send().Consume(0, AckMode.Transacted).Do(OperationKind.Receive).Do(OperationKind.Rollback, flag: true));
        yield return Case("expiry", Right with { ExpiryCounts = false }, "should have given [m1]",
            new Script().Send(ttl: 1_250).Do(OperationKind.Advance, which: 2_000).Do(OperationKind.Browse));
        yield return Case("restart", Right with { NonDurableVanish = false }, "should have given [m1]",
            new Script().Send(durable: false).Do(OperationKind.Restart));
        yield return Case("connection loss", Right with { LossCounts = false }, "delivery-count is 1 and should be 0",
            new Script().Send().Consume(0, AckMode.Client).Do(OperationKind.Receive).Do(OperationKind.LoseConnection));
        yield return Case("max-deliveries", Right with { MaxDeliveries = 2 }, "but a dead letter: m1 (max-deliveries after 2",
            new Script().Send().Consume(0, AckMode.Client).Do(OperationKind.Receive).Do(OperationKind.Recover, flag: true)
                .Do(OperationKind.Receive).Do(OperationKind.Recover, flag: true));
        yield return Case("groups", Right with { GroupsBelong = false }, Player.NotDelivered,
            new Script().Consume(0, AckMode.Client, prefetch: 1).Send(group: "g").Consume(1, AckMode.Client, prefetch: 1).Send(group: "g"));
        yield return Case("unsubscribe", Right with { UnsubscribeDeletes = false }, "should have given [m2]",
            new Script().Consume(0, AckMode.Auto, prefetch: 0, from: Destination.Durable).Send(to: Destination.Durable).Do(OperationKind.CloseConsumer)
                .Do(OperationKind.Unsubscribe, on: Destination.Durable));
        yield return Case("groups of consumers with selectors", Right with { SelectorsTakeGroups = false }, Player.NotDelivered,
            new Script().Consume(0, AckMode.Client, prefetch: 1, selector: "color = 'red'").Send(group: "g", color: "red").Consume(1, AckMode.Client, prefetch: 1)
                .Do(OperationKind.Receive).Do(OperationKind.Acknowledge).Send(group: "g", color: "blue"));
        yield return Case("retries", Right with { RetriesWait = false }, Player.NotDelivered,
            new Script().Send(to: Destination.Retry).Consume(0, AckMode.Client, from: Destination.Retry).Do(OperationKind.Receive).Do(OperationKind.Recover, flag: true));
        yield return Case("the order of retries", Right with { RetriesKeepOrder = false }, Player.NotDelivered,
            new Script().Send(group: "g", to: Destination.RetryInOrder).Send(group: "g", to: Destination.RetryInOrder)
                .Consume(0, AckMode.Client, prefetch: 0, from: Destination.RetryInOrder).Do(OperationKind.Receive).Do(OperationKind.Recover, flag: true).Do(OperationKind.Receive));
        yield return Case("last values", Right with { LastValuesReplace = false }, "should have given [m1 m2]",
            new Script().Send(color: "red", to: Destination.LastValue).Send(color: "red", to: Destination.LastValue).Do(OperationKind.Browse, on: Destination.LastValue));
        yield return Case("what was replaced comes back", Right with { ReplacedAreDropped = false }, "should have given [m1 m3]",
            new Script().Send(color: "red", to: Destination.LastValue).Consume(0, AckMode.Client, from: Destination.LastValue)
                .Send(color: "red", to: Destination.LastValue).Do(OperationKind.CloseConsumer));
        yield return Case("the end of a temporary queue", Right with { TemporaryEnd = false }, "refused the link",
            new Script().Do(OperationKind.CreateTemporary, on: Destination.TemporaryQueue).Do(OperationKind.DeleteTemporary, on: Destination.TemporaryQueue)
                .Send(to: Destination.TemporaryQueue));
        yield return Case("a temporary queue whose connection is lost", Right with { TemporaryWait = false }, "should have been refused",
            new Script().Do(OperationKind.CreateTemporary, on: Destination.TemporaryQueue).Do(OperationKind.LoseConnection).Send(to: Destination.TemporaryQueue));
        yield return Case("whose a temporary queue is", Right with { TemporaryAreOwn = false }, "refused the link",
            new Script().Do(OperationKind.CreateTemporary, on: Destination.TemporaryQueue).Consume(1, AckMode.Auto, from: Destination.TemporaryQueue));
        yield return Case("links to a deleted queue", Right with { DeletionDetaches = false }, "was detached",
            new Script().Consume(0, AckMode.Auto, prefetch: 0).Do(OperationKind.Delete).Do(OperationKind.Receive));
        yield return Case("messages of a deleted queue", Right with { DeletionEmpties = false }, "should have given [m1]",
            new Script().Send().Do(OperationKind.Delete).Do(OperationKind.Browse));
        yield return Case("transactions with a deleted queue", Right with { DeletionDooms = false }, "did not commit",
            new Script().Send(mode: AckMode.Transacted).Do(OperationKind.Delete).Do(OperationKind.Commit, slot: 5));
    }

    private static TestCaseData Case(string name, Rules broken, string difference, Script script) =>
        new TestCaseData(broken, difference, script).SetArgDisplayNames(name);
}
