namespace Mamba.Broker.Engine;

/// <content>
/// A batch while there are diverts. Messages that one applies to are stored by transactions of their own, the runs between them as
/// batches, all in the order they were added in.
/// </content>
public sealed partial class PublishBatch
{
    internal void PublishDiverting(EngineContext context)
    {
        if (Numbers is not null && !IsDiverted(context))
        {
            Publish(context);
            return;
        }

        PublishBatch? run = null;
        _nextId = 0;
        for (var i = 0; i < _count; i++)
        {
            ref var entry = ref _entries[i];
            var id = NextWithId() == i ? _ids[_nextId++].Id : default;
            if (entry.Message.Schedule is null && context.Diverts.PlanFor(entry.Node, entry.Message) is not null)
            {
                run?.Publish(context);
                run = null;
                context.Diverts.Publish(entry.Node, entry.Message, entry.Observer, entry.Token, id);
            }
            else
            {
                (run ??= Rent()).Add(entry.Node, entry.Message, entry.Observer, entry.Token, id);
            }
        }

        run?.Publish(context);

        // The messages belong to others by now.
        Array.Clear(_entries, 0, _count);
        _count = 0;
        Recycle();
    }

    private bool IsDiverted(EngineContext context)
    {
        for (var i = 0; i < _count; i++)
        {
            if (_entries[i].Message.Schedule is null && context.Diverts.PlanFor(_entries[i].Node, _entries[i].Message) is not null)
            {
                return true;
            }
        }

        return false;
    }
}
