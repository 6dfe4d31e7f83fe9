namespace Mamba.Broker.Engine;

/// <content>Messages that diverts send to several addresses: enlisted on all of them or on none.</content>
public sealed partial class UnitOfWork
{
    private PublishOutcome AddDiverted(IMessageNode node, StoredMessage message, DivertPlan plan)
    {
        if (node.IsDeleted)
        {
            message.Release();
            return PublishOutcome.NotFound;
        }

        var work = Open().Work;
        var first = work.Publishes.Length;
        var outcome = PublishOutcome.Accepted;
        var copy = _context.Annotator.Diverted(message, node.Address);
        if (plan.Keeps)
        {
            outcome = AddOne(node, message);
        }
        else
        {
            message.Release();
        }

        for (var i = 0; i < plan.Targets.Count && outcome == PublishOutcome.Accepted; i++)
        {
            outcome = AddTarget(plan.Targets[i], copy);
        }

        copy.Release();
        if (outcome == PublishOutcome.Accepted)
        {
            plan.Applied.ForEach(static divert => divert.Count());
        }
        else
        {
            work.Leave(first, work.Publishes.Length - first);
        }

        return outcome;
    }

    private PublishOutcome AddTarget(string address, StoredMessage copy)
    {
        if (_context.Diverts.Find(address) is not { } target)
        {
            return PublishOutcome.DivertRefused;
        }

        copy.AddReference();
        return AddOne(target, copy) == PublishOutcome.Accepted ? PublishOutcome.Accepted : PublishOutcome.DivertRefused;
    }
}
