using Mamba.Tools.Model.Modelling;
using Mamba.Tools.Model.Sequences;

namespace Mamba.Tools.Model.Running;

/// <content>The queues of a sequence, and what operators do to them.</content>
internal sealed partial class Player
{
    /// <summary>The address of a destination; a queue with settings of its own is made when it is not there.</summary>
    private async Task<string> UseAsync(Destination target)
    {
        var address = target.Address(_prefix);
        _used.Add(target);
        if (target.IsQueue() && !_model.Queues.ContainsKey(address))
        {
            if (target.Kind() != QueueKind.Ordinary)
            {
                await (await ManagementAsync()).CreateQueueAsync(address, target.Kind(), _model.Rules.RetryDelay);
            }

            _model.Queue(address, target.Kind());
        }

        return address;
    }

    /// <summary>
    /// What came back after it had expired is moved when time moves. Until then the broker may or may not count it, or have it replaced.
    /// </summary>
    private async Task ExpireLateAsync()
    {
        if (_mayHaveLate && _broker.HasTime)
        {
            await AdvanceAsync(1_000);
        }
    }

    /// <summary>A queue is deleted under those who use it. Who comes next finds a new one.</summary>
    private async Task<bool> DeleteAsync(Operation operation)
    {
        var address = operation.Destination.Address(_prefix);
        if (!_model.Queues.TryGetValue(address, out var queue))
        {
            return false;
        }

        await MovedAsync(queue);
        await (await ManagementAsync()).DeleteAsync(address);
        await EndNodeAsync(address);
        if (_model.Rules.DeletionEmpties)
        {
            _model.Drop(queue);
        }

        await SettleDownAsync();
        return true;
    }

    /// <summary>Waits until all that was to leave a queue has left it, dead letters among it.</summary>
    private async Task MovedAsync(ModelQueue queue)
    {
        await ExpireLateAsync();
        var management = await ManagementAsync();
        var since = TimeProvider.System.GetTimestamp();
        while (await management.DepthAsync(queue.Name) is var depth && depth != queue.Entries.Count)
        {
            if (TimeProvider.System.GetElapsedTime(since) > _options.Patience)
            {
                throw new Difference($"{queue.Name} has {depth} messages and should have {queue.Entries.Count}");
            }

            await Task.Yield();
        }
    }

    private async Task<bool> PurgeAsync(Operation operation)
    {
        if (!_model.Queues.TryGetValue(operation.Destination.Address(_prefix), out var queue))
        {
            return false;
        }

        await ExpireLateAsync();
        var purged = await (await ManagementAsync()).PurgeAsync(queue.Name);
        var expected = BrokerModel.Purge(queue);
        if (purged != expected)
        {
            throw new Difference($"{purged} messages were purged and should have been {expected}");
        }

        await SettleDownAsync();
        return true;
    }
}
