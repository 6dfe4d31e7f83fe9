using System.Collections.Concurrent;

namespace Mamba.Broker.Engine;

/// <content>Termini whose unsettled state outlives the broker.</content>
public sealed partial class MessageEngine
{
    private readonly ConcurrentDictionary<uint, DurableTerminus> _termini = new();

    /// <summary>All durable termini at this moment, in no order; right after the start, those that recovery found.</summary>
    public IReadOnlyList<DurableTerminus> ListTermini() => [.. _termini.Values];

    /// <summary>Makes a durable terminus; its definition is on disk before the task completes.</summary>
    /// <param name="key">Whose it is.</param>
    /// <param name="settings">Bytes for the caller's own use, kept with it.</param>
    /// <param name="subscription">Outgoing: the subscription whose messages it holds, to which it is attached; null for incoming.</param>
    public async Task<DurableTerminus> DefineTerminusAsync(TerminusKey key, ReadOnlyMemory<byte> settings, ISubscription? subscription)
    {
        ArgumentNullException.ThrowIfNull(key);
        var consumer = subscription as QueueConsumer;
        var definition = new TerminusDefinition(_context.TakeQueueId(), key, consumer?.Host.Id ?? 0, settings);
        await _definitionGate.WaitAsync();
        try
        {
            await AppendDefinitionAsync(definition.Write);
            var terminus = MakeTerminus(definition);
            if (consumer is not null)
            {
                consumer.Terminus = definition.Id;
            }

            return terminus;
        }
        finally
        {
            _definitionGate.Release();
        }
    }

    /// <summary>From now on the terminus holds what is acquired by this subscription, too.</summary>
    public void AttachTerminus(DurableTerminus terminus, ISubscription subscription)
    {
        ArgumentNullException.ThrowIfNull(terminus);
        if (subscription is QueueConsumer consumer && consumer.Host.Id == terminus.Definition.QueueId)
        {
            consumer.Terminus = terminus.Definition.Id;
        }
    }

    /// <summary>
    /// Completes when all that was settled before is on disk. What is on its way there is in no unsettled map any more, and a receiver that
    /// does not find a delivery in ours forgets it: if it came back after a crash, it would be processed twice.
    /// </summary>
    public Task WhenSettledAsync() => AppendDefinitionAsync(ListOperation.AppendTurn);

    /// <summary>Ends a durable terminus; what it held has to be released before. Idempotent.</summary>
    public async Task DeleteTerminusAsync(DurableTerminus terminus)
    {
        ArgumentNullException.ThrowIfNull(terminus);
        await _definitionGate.WaitAsync();
        try
        {
            if (_termini.TryRemove(terminus.Definition.Id, out _))
            {
                await AppendDefinitionAsync(batch => DefinitionOperation.WriteDelete(batch, terminus.Definition.Id));
                terminus.Receipts?.Host.Delete();
            }
        }
        finally
        {
            _definitionGate.Release();
        }
    }

    private DurableTerminus MakeTerminus(TerminusDefinition definition)
    {
        var terminus = new DurableTerminus(definition, definition.Key.Incoming ? new ReceiptBook(_context, definition.Id) : null);
        _termini[definition.Id] = terminus;
        return terminus;
    }

    /// <summary>Takes over what recovery found; queues are there, and have put what is held aside.</summary>
    private void RestoreTermini(Recovery recovery, long now)
    {
        foreach (var (id, definition) in recovery.Termini)
        {
            if (definition.Key.Incoming)
            {
                RestoreQueue(recovery, MakeTerminus(definition).Receipts!.Host, now);
            }
            else if (_context.Hosts.TryGetValue(definition.QueueId, out var host))
            {
                MakeTerminus(definition).Recovered = recovery.Holds.KeeperOf(id) ?? host.RestoreKeeper(id);
            }
        }
    }
}
