using Mamba.Amqp.Client;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Tools.Model.Jms;
using Mamba.Tools.Model.Modelling;
using Mamba.Tools.Model.Sequences;

namespace Mamba.Tools.Model.Running;

/// <content>Temporary queues and topics: made, taken over after a loss, and what their end means for everybody else.</content>
internal sealed partial class Player
{
    private readonly Dictionary<Destination, JmsTemporary> _temporaries = [];

    /// <summary>Those that are gone: to send to them is a reply that comes too late.</summary>
    private readonly Dictionary<Destination, string> _gone = [];

    private readonly HashSet<object?> _temporaryAddresses = [];

    private async Task<bool> CreateTemporaryAsync(Operation operation)
    {
        var target = operation.Destination;
        var kept = _temporaries.GetValueOrDefault(target);
        var bySource = kept?.IsSource ?? operation.Flag;
        if ((kept is not null && (kept.Link is not null || kept.Slot != operation.Connection)) || (bySource && _consumers[operation.Consumer] is not null))
        {
            return false;
        }

        var session = await SessionAsync(operation);
        var name = kept?.LinkName ?? $"{_prefix}-{target}-{operation.Number}";
        AmqpLink link = bySource
            ? await session.Amqp.CreateReceiverAsync(null, JmsLinks.DynamicSource(target, name))
            : await session.Connection.Own.CreateSenderAsync(null, JmsLinks.DynamicTarget(target, name));
        var temporary = kept ?? Begin(target, link.Address!, operation.Connection);
        if (link.Address != temporary.Address)
        {
            throw new Difference($"c{operation.Connection} came back to {temporary.Address} and was given {link.Address}");
        }

        var consumer = bySource ? await AddConsumerAsync(operation, session, (AmqpReceiver)link, null) : null;
        temporary.BelongTo(link, session.Connection, consumer);
        return true;
    }

    private JmsTemporary Begin(Destination target, string address, int slot)
    {
        if (target.IsQueue())
        {
            _model.Queues[address] = new ModelQueue(address, address, durable: false) { IsTemporary = true, DropsExpired = true };
        }

        _temporaryAddresses.Add(address);
        return _temporaries[target] = new JmsTemporary(target, address, slot);
    }

    /// <summary>JMS clients delete temporary destinations by closing the link that made them.</summary>
    private async Task<bool> DeleteTemporaryAsync(Operation operation)
    {
        if (!_temporaries.TryGetValue(operation.Destination, out var temporary) || temporary is not { Consumer: null, Link: { } link })
        {
            return false;
        }

        await MovedAsync([temporary]);
        await link.CloseAsync();
        await EndAsync([temporary]);
        await SettleDownAsync();
        return true;
    }

    /// <summary>The reply to the last request that a consumer was given; who asked may be gone.</summary>
    private async Task<bool> ReplyAsync(Operation operation)
    {
        if (_consumers[operation.Consumer] is not { ReplyTo: { } address } consumer)
        {
            return false;
        }

        await PublishAsync(operation with { Other = true }, consumer.Session, Destination.TemporaryQueue, address);
        return true;
    }

    private JmsTemporary[] TemporariesOf(Func<JmsTemporary, bool> which) => [.. _temporaries.Values.Where(which)];

    /// <summary>Waits until dead letters have left the queues, which will not be there to give them up.</summary>
    private async Task MovedAsync(IEnumerable<JmsTemporary> temporaries)
    {
        foreach (var temporary in temporaries.Where(static t => t.Destination.IsQueue()).ToArray())
        {
            await MovedAsync(_model.Queues[temporary.Address]);
        }
    }

    /// <summary>Their links have ended: they are gone with all that was in them, and so are all other links to them.</summary>
    private async Task EndAsync(IReadOnlyCollection<JmsTemporary> temporaries)
    {
        foreach (var temporary in temporaries.Where(_ => _model.Rules.TemporaryEnd))
        {
            _temporaries.Remove(temporary.Destination);
            _gone[temporary.Destination] = temporary.Address;
            await EndNodeAsync(temporary.Address);
            foreach (var queue in _model.Queues.Values.Where(queue => queue.Address == temporary.Address).ToArray())
            {
                _model.Drop(queue);
            }
        }
    }

    /// <summary>Their connection was lost: they wait for its client.</summary>
    private async Task LoseAsync(IReadOnlyCollection<JmsTemporary> temporaries)
    {
        if (!_model.Rules.TemporaryWait)
        {
            await EndAsync(temporaries);
            return;
        }

        foreach (var temporary in temporaries)
        {
            temporary.Lose(_broker.Now + _broker.KeepAfterLoss);
        }
    }

    private async Task EndOverdueAsync()
    {
        var overdue = TemporariesOf(temporary => temporary.Link is null && temporary.KeptUntil <= _broker.Now);
        foreach (var temporary in overdue)
        {
            _model.ForgiveLate(temporary.Address);
        }

        await EndAsync(overdue);
    }

    private void EndAllTemporaries()
    {
        foreach (var (target, temporary) in _temporaries)
        {
            _gone[target] = temporary.Address;
        }

        _temporaries.Clear();
    }

    /// <summary>A node is gone: everybody who has a link to it hears so, and transactions that sent to it cannot be committed.</summary>
    private async Task EndNodeAsync(string address)
    {
        foreach (var session in _sessions.OfType<JmsSession>().ToArray())
        {
            session.Enlisted.IsDoomed |= session.Enlisted.Sends.Exists(send => send.Address == address);
            if (_model.Rules.DeletionDetaches && session.ForgetSender(address) is { } sender)
            {
                await EndedAsync(sender);
            }
        }

        foreach (var link in Links.Where(link => _model.Rules.DeletionDetaches && link.Amqp.Address == address).ToArray())
        {
            await EndedAsync(link.Amqp);
            Forget(link);
            link.Session.Consumers.Remove(link);
            link.Session.Unacknowledged.RemoveAll(delivery => delivery.Consumer == link);
            Detach(link, lost: false);
        }
    }

    private async Task EndedAsync(AmqpLink link)
    {
        try
        {
            await link.Ended.WaitAsync(_options.Patience);
            throw new Difference($"the link to {link.Address}, which was deleted, ended without an error");
        }
        catch (AmqpException e) when (e.Condition == ErrorCondition.ResourceDeleted)
        {
            // As it has to be.
        }
        catch (TimeoutException e)
        {
            throw new Difference($"the link to {link.Address}, which was deleted, lives on", e);
        }
    }

    /// <summary>A reply to one who is gone: the broker says so.</summary>
    private static async Task SendLateAsync(Operation operation, JmsSession session, string address, AmqpMessage message, AmqpTransaction? transaction)
    {
        if (!operation.Other)
        {
            await RefusedAsync(() => session.SenderAsync(address, operation.Destination), ErrorCondition.NotFound, address);
            return;
        }

        var sender = await session.SenderAsync(null, operation.Destination);
        var outcome = await sender.SendAsync(message, transaction: transaction);
        if (outcome is not Rejected { Error: { } error } || error.Condition != ErrorCondition.NotFound)
        {
            throw new Difference($"m{operation.Number} was sent to {address}, which is gone, and should have been rejected: {outcome}");
        }

        session.Enlisted.IsDoomed |= transaction is not null;
    }

    private static async Task RefusedAsync(Func<Task> attach, Amqp.Types.Symbol condition, string address)
    {
        try
        {
            await attach();
        }
        catch (AmqpException e) when (e.Condition == condition)
        {
            return;
        }

        throw new Difference($"a link to {address} should have been refused with {condition}");
    }
}
