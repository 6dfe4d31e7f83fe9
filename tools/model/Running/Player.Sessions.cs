using Mamba.Amqp.Client;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Tools.Model.Jms;
using Mamba.Tools.Model.Modelling;
using Mamba.Tools.Model.Sequences;

namespace Mamba.Tools.Model.Running;

/// <content>Transactions, the ends of sessions and connections, subscriptions, and what operators do.</content>
internal sealed partial class Player
{
    private async Task<bool> CommitAsync(Operation operation)
    {
        if (_sessions[operation.Session] is not { Transaction: { } transaction } session)
        {
            return false;
        }

        if (session.Enlisted.Sends.Exists(static send => send.Queues.Any(static queue => queue.Kind == QueueKind.LastValue)))
        {
            await ExpireLateAsync();
        }

        if (session.Enlisted.IsDoomed && _model.Rules.DeletionDooms)
        {
            await RefuseCommitAsync(transaction);
            EndTransaction(session);
        }
        else
        {
            await transaction.CommitAsync();
            _model.Commit(session.Enlisted);
            _mayHaveLate = true;
            session.EndTransaction();
        }

        await SettleDownAsync();
        return true;
    }

    /// <summary>Something of it was refused, or its queue is gone: it is rolled back, and the client is told so.</summary>
    private static async Task RefuseCommitAsync(AmqpTransaction transaction)
    {
        try
        {
            await transaction.CommitAsync();
        }
        catch (AmqpException e) when (e.Condition == ErrorCondition.TransactionRollback)
        {
            return;
        }

        throw new Difference("a transaction that sent to a node that is gone was committed");
    }

    /// <summary>Qpid JMS drains the consumers first and gives back what they had fetched afterwards; simple clients just roll back.</summary>
    private async Task<bool> RollbackAsync(Operation operation)
    {
        if (_sessions[operation.Session] is not { Transaction: not null } session)
        {
            return false;
        }

        if (operation.Flag)
        {
            await RollBackAsync(session);
            return true;
        }

        foreach (var consumer in session.Consumers)
        {
            await DrainAsync(consumer);
        }

        await RollBackAsync(session);
        await ReturnFetchedAsync(session.Consumers);
        foreach (var consumer in session.Consumers)
        {
            consumer.TopUp();
            await SettleDownAsync();
        }

        return true;
    }

    private async Task RollBackAsync(JmsSession session)
    {
        await session.Transaction!.RollbackAsync();
        EndTransaction(session);
        await SettleDownAsync();
    }

    private void EndTransaction(JmsSession session)
    {
        _model.RollBack(session.Enlisted);
        _mayHaveLate = true;
        session.EndTransaction();
    }

    private async Task<bool> CloseSessionAsync(Operation operation)
    {
        if (_sessions[operation.Session] is not { } session)
        {
            return false;
        }

        if (!operation.Flag)
        {
            if (session.Transaction is not null)
            {
                await RollBackAsync(session);
            }

            var recovered = session.Consumers.SelectMany(static c => c.Fetched).Where(static d => d.IsRecovered);
            await SettleAsync(session.Unacknowledged.Concat(recovered), ModelOutcome.Failed);
        }

        var owned = TemporariesOf(temporary => temporary.Consumer?.Session == session);
        await MovedAsync(owned);
        await session.Amqp.CloseAsync();
        session.Connection.Sessions.Remove(session);
        Forget(session, lost: false);
        await EndAsync(owned);
        await SettleDownAsync(ordered: false);
        return true;
    }

    private void Forget(JmsSession session, bool lost)
    {
        _sessions[session.Slot] = null;
        foreach (var consumer in session.Consumers)
        {
            Forget(consumer);
            Detach(consumer, lost);
        }

        EndTransaction(session);
    }

    private void Forget(JmsConsumer consumer)
    {
        if (_consumers[consumer.Slot] == consumer)
        {
            _consumers[consumer.Slot] = null;
        }
    }

    private async Task<bool> CloseConnectionAsync(Operation operation)
    {
        if (_connections[operation.Connection] is not { } connection)
        {
            return false;
        }

        await CloseAsync(connection);
        return true;
    }

    private async Task CloseAsync(JmsConnection connection)
    {
        var owned = TemporariesOf(temporary => temporary.Connection == connection);
        await MovedAsync(owned);
        await connection.Amqp.CloseAsync();
        await connection.Amqp.DisposeAsync();
        Forget(connection, lost: false);
        await EndAsync(owned);
        await SettleDownAsync(ordered: false);
    }

    private async Task<bool> LoseConnectionAsync(Operation operation)
    {
        if (_connections[operation.Connection] is not { } connection)
        {
            return false;
        }

        var management = await ManagementAsync();
        await connection.BarrierAsync();
        await connection.Amqp.AbortAsync();
        while (await management.IsConnectedAsync(connection.ClientId))
        {
            // The broker learns of it when its operating system does.
            await Task.Yield();
        }

        var owned = TemporariesOf(temporary => temporary.Connection == connection);
        Forget(connection, lost: true);
        await LoseAsync(owned);
        await SettleDownAsync(ordered: false);
        return true;
    }

    private void Forget(JmsConnection connection, bool lost)
    {
        _connections[Array.IndexOf(_connections, connection)] = null;
        foreach (var session in connection.Sessions)
        {
            Forget(session, lost);
        }
    }

    /// <summary>Closing the link of a durable subscription ends it.</summary>
    private async Task<bool> UnsubscribeAsync(Operation operation)
    {
        if (!_model.Queues.TryGetValue($"{_prefix}-{operation.Destination}", out var queue) || queue.Consumers.Count > 0)
        {
            return false;
        }

        var link = await AttachToAsync(operation.Destination, queue);
        await link.CloseAsync();
        _model.Delete(queue);
        return true;
    }

    /// <summary>A link to a subscription that is there, with the terms it was made with.</summary>
    private async Task<AmqpReceiver> AttachToAsync(Destination target, ModelQueue queue)
    {
        var connection = await ConnectionAsync(target.Owner() ?? 2);
        var options = JmsLinks.Consumer(target, _prefix, connection.NextSubscriber(target), queue.Selector, queue.NoLocal is not null, confirmed: false);
        return await connection.Own.CreateReceiverAsync(target.Address(_prefix), options);
    }

    private async Task<bool> RestartAsync(bool kill)
    {
        if (!_broker.HasTime)
        {
            return false;
        }

        await MovedAsync(_temporaries.Values);
        foreach (var connection in _connections.OfType<JmsConnection>())
        {
            await connection.BarrierAsync();
        }

        if (kill)
        {
            await WrittenAsync();
        }

        await _broker.RestartAsync(kill);
        foreach (var connection in _connections.OfType<JmsConnection>().ToArray())
        {
            await connection.Amqp.AbortAsync();
            if (!kill)
            {
                Forget(connection, lost: false);
            }
        }

        if (kill)
        {
            ForgetAll();
        }

        if (_management is not null)
        {
            await _management.DisposeAsync();
            _management = null;
        }

        EndAllTemporaries();
        _model.Restart();
        return true;
    }

    /// <summary>A new durable queue is on disk when its link is attached, and all that was written before it too.</summary>
    private async Task WrittenAsync()
    {
        var connection = await ConnectionAsync(2);
        var options = new SenderOptions { Capabilities = [new Symbol("queue")] };
        var link = await connection.Own.CreateSenderAsync($"{_prefix}.mark{connection.NextSubscriber(Destination.Queue)}.{_broker.Connection.Port}", options);
        await link.CloseAsync();
    }

    /// <summary>A killed broker's consumers never settled anything that is not written.</summary>
    private void ForgetAll()
    {
        Array.Clear(_connections);
        Array.Clear(_sessions);
        Array.Clear(_consumers);
        foreach (var consumer in _model.Consumers.ToArray())
        {
            consumer.Queue.Consumers.Clear();
        }

        _model.Consumers.Clear();
    }
}
