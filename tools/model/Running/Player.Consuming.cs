using Mamba.Amqp.Client;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Tools.Model.Jms;
using Mamba.Tools.Model.Modelling;
using Mamba.Tools.Model.Sequences;

namespace Mamba.Tools.Model.Running;

/// <content>Consumers: making, receiving, acknowledging, closing; browsers. On the wire all is as Qpid JMS does it.</content>
internal sealed partial class Player
{
    private async Task<bool> ConsumeAsync(Operation operation)
    {
        var target = operation.Destination;
        var named = target.IsNamed() ? _model.Queues.GetValueOrDefault($"{_prefix}-{target}") : null;
        if (_consumers[operation.Consumer] is not null || (target == Destination.Durable && named is { Consumers.Count: > 0 }))
        {
            return false;
        }

        var selector = operation.Selector < 0 ? null : Selector.All[operation.Selector];
        if (named is { Consumers.Count: > 0 } && named.Selector != selector)
        {
            return false;
        }

        var temporary = _temporaries.GetValueOrDefault(target);
        if (target.IsTemporary() && temporary is null)
        {
            return false;
        }

        var session = await SessionAsync(operation);
        var address = temporary?.Address ?? await UseAsync(target);
        var number = target.IsNamed() ? session.Connection.NextSubscriber(target) : 0;
        var options = JmsLinks.Consumer(target, _prefix, number, selector, operation.Other, operation.Flag);
        if (temporary is not null && temporary.Slot != operation.Connection && _model.Rules.TemporaryAreOwn)
        {
            await RefusedAsync(() => session.Amqp.CreateReceiverAsync(address, options), ErrorCondition.ResourceLocked, address);
            return true;
        }

        var link = await session.Amqp.CreateReceiverAsync(address, options);
        var consumer = await AddConsumerAsync(operation, session, link, selector);
        if (temporary is { Link: null })
        {
            // Its client is back.
            temporary.BelongTo(link, session.Connection, consumer);
        }

        return true;
    }

    private async Task<JmsConsumer> AddConsumerAsync(Operation operation, JmsSession session, AmqpReceiver link, Selector? selector)
    {
        var target = operation.Destination;
        var queue = QueueFor(operation, link.Address!, selector, session.Connection.ClientId);
        var model = _model.Attach($"k{operation.Consumer}", queue, target.IsQueue() ? selector : null);
        var consumer = new JmsConsumer(operation.Consumer, session, target, link, model, operation.Prefetch);
        session.Consumers.Add(consumer);
        _consumers[operation.Consumer] = consumer;
        consumer.Grant(operation.Prefetch);
        await SettleDownAsync();
        return consumer;
    }

    private ModelQueue QueueFor(Operation operation, string address, Selector? selector, string clientId)
    {
        var target = operation.Destination;
        if (target.IsQueue())
        {
            return _model.Queue(address);
        }

        var name = target.IsNamed() ? $"{_prefix}-{target}" : $"{_prefix}-k{operation.Consumer}-{operation.Number}";
        if (_model.Queues.TryGetValue(name, out var queue) && queue.Selector != selector)
        {
            // To ask for it with another selector is to unsubscribe, and to subscribe anew.
            _model.Delete(queue);
            queue = null;
        }

        if (queue is null)
        {
            var noLocal = operation.Other ? clientId : null;
            queue = new ModelQueue(name, address, target.IsDurable()) { Selector = selector, NoLocal = noLocal, DropsExpired = target.IsTemporary() };
            _model.Queues[name] = queue;
        }

        return queue;
    }

    /// <summary>receive(timeout), or a listener that throws: what has been fetched, else what a drain brings.</summary>
    private async Task<bool> ReceiveAsync(Operation operation, bool throws)
    {
        if (_consumers[operation.Consumer] is not { } consumer)
        {
            return false;
        }

        if (consumer.Fetched.Count == 0)
        {
            consumer.Grant(consumer.Prefetch == 0 ? 1 : 0);
            await SettleDownAsync();
        }

        if (consumer.Fetched.Count == 0)
        {
            await DrainAsync(consumer);
        }

        if (consumer.Fetched.Count > 0)
        {
            var delivery = consumer.Fetched[0];
            consumer.Fetched.RemoveAt(0);
            await GiveAsync(delivery, throws);
        }

        consumer.TopUp();
        await SettleDownAsync();
        return true;
    }

    /// <summary>The broker sends what it has and takes the credit back.</summary>
    private async Task DrainAsync(JmsConsumer consumer)
    {
        await consumer.Amqp.DrainAsync();
        await SettleDownAsync();
        consumer.Model.Credit = 0;
    }

    /// <summary>The application has the message.</summary>
    private async Task GiveAsync(JmsDelivery delivery, bool throws)
    {
        var session = delivery.Consumer.Session;
        delivery.Consumer.ReplyTo = delivery.ReplyTo ?? delivery.Consumer.ReplyTo;
        if (await session.TransactionAsync() is { } transaction)
        {
            await delivery.SettleAsync(Accepted.Instance, transaction);
            BrokerModel.Enlist(session.Enlisted, delivery.Entry, ModelOutcome.Accepted);
        }
        else if (session.KeepsUnacknowledged)
        {
            session.Unacknowledged.Add(delivery);
        }
        else
        {
            await SettleAsync([delivery], throws ? ModelOutcome.Released : ModelOutcome.Accepted);
        }
    }

    private async Task<bool> AcknowledgeAsync(Operation operation, ModelOutcome outcome)
    {
        if (_sessions[operation.Session] is not { KeepsUnacknowledged: true, Unacknowledged.Count: > 0 } session)
        {
            return false;
        }

        var all = session.Unacknowledged;
        JmsDelivery[] which = session.Mode == AckMode.Individual ? [all[operation.Which % all.Count]] : [.. all];
        all.RemoveAll(which.Contains);
        await SettleAsync(which, outcome);
        await EndClosingAsync(session);
        return true;
    }

    /// <summary>States an outcome of each, in the order of their queues, and waits until the broker knows it.</summary>
    private async Task SettleAsync(IEnumerable<JmsDelivery> deliveries, ModelOutcome outcome)
    {
        var settled = deliveries
            .OrderBy(static d => d.Entry.Queue.Name, StringComparer.Ordinal).ThenByDescending(static d => d.Entry.Message.Priority).ThenBy(static d => d.Entry.Sequence).ToArray();
        foreach (var delivery in settled)
        {
            // Whether a group may leave a consumer that must not have one of its messages is another matter.
            var stated = outcome == ModelOutcome.NotHere && delivery.Entry.Message.Group is not null ? ModelOutcome.Failed : outcome;
            stated = stated == ModelOutcome.Accepted || _broker.Has(Features.Outcomes) ? stated : ModelOutcome.Released;
            await delivery.SettleAsync(OnTheWire(stated));
            if (stated != ModelOutcome.Accepted || delivery.Entry.Message.Group is not null)
            {
                await delivery.Consumer.Session.Connection.BarrierAsync();
            }

            _model.Apply(delivery.Entry, stated);
            _mayHaveLate = true;
            await SettleDownAsync();
        }
    }

    private static Outcome OnTheWire(ModelOutcome outcome) => outcome switch
    {
        ModelOutcome.Accepted => Accepted.Instance,
        ModelOutcome.Rejected => new Rejected(),
        ModelOutcome.Released => Released.Instance,
        ModelOutcome.Failed => new Modified { DeliveryFailed = true },
        ModelOutcome.Undeliverable => new Modified { DeliveryFailed = true, UndeliverableHere = true },
        _ => new Modified { UndeliverableHere = true },
    };

    /// <summary>Qpid JMS says nothing to the broker and gives the messages again; other clients say modified(delivery-failed).</summary>
    private async Task<bool> RecoverAsync(Operation operation)
    {
        if (_sessions[operation.Session] is not { KeepsUnacknowledged: true, Unacknowledged.Count: > 0 } session)
        {
            return false;
        }

        JmsDelivery[] all = [.. session.Unacknowledged];
        session.Unacknowledged.Clear();
        var local = all.Where(delivery => !operation.Flag && !delivery.Consumer.IsClosing).ToArray();
        foreach (var consumer in session.Consumers)
        {
            var own = local.Where(delivery => delivery.Consumer == consumer).ToList();
            own.ForEach(static delivery => delivery.IsRecovered = true);
            consumer.Fetched.InsertRange(0, own);
        }

        await SettleAsync(all.Except(local), ModelOutcome.Failed);
        await EndClosingAsync(session);
        return true;
    }

    private async Task<bool> CloseConsumerAsync(Operation operation)
    {
        if (_consumers[operation.Consumer] is not { } consumer)
        {
            return false;
        }

        _consumers[operation.Consumer] = null;
        if (operation.Flag && consumer.Session.Unacknowledged.Exists(delivery => delivery.Consumer == consumer))
        {
            await DrainAsync(consumer);
            consumer.IsClosing = true;
            await ReturnFetchedAsync([consumer]);
            return true;
        }

        await SettleAsync(consumer.Fetched.Where(static delivery => delivery.IsRecovered), ModelOutcome.Failed);
        await EndLinkAsync(consumer);
        return true;
    }

    /// <summary>What was fetched and not given goes back; what was given before and recovered has failed.</summary>
    private async Task ReturnFetchedAsync(IReadOnlyCollection<JmsConsumer> consumers)
    {
        var fetched = consumers.SelectMany(static consumer => consumer.Fetched).ToArray();
        foreach (var consumer in consumers)
        {
            consumer.Fetched.Clear();
        }

        await SettleAsync(fetched.Where(static delivery => delivery.IsRecovered), ModelOutcome.Failed);
        await SettleAsync(fetched.Where(static delivery => !delivery.IsRecovered), ModelOutcome.Released);
    }

    /// <summary>The links that waited for acknowledgements only.</summary>
    private async Task EndClosingAsync(JmsSession session)
    {
        foreach (var consumer in session.Consumers.Where(static consumer => consumer.IsClosing).ToArray())
        {
            if (!session.Unacknowledged.Exists(delivery => delivery.Consumer == consumer))
            {
                await EndLinkAsync(consumer);
            }
        }
    }

    private async Task EndLinkAsync(JmsConsumer consumer)
    {
        var owned = TemporariesOf(temporary => temporary.Consumer == consumer);
        await MovedAsync(owned);
        await (consumer.Destination.IsDurable() ? consumer.Amqp.DetachAsync() : consumer.Amqp.CloseAsync());
        consumer.Session.Consumers.Remove(consumer);
        consumer.Session.Unacknowledged.RemoveAll(delivery => delivery.Consumer == consumer);
        Detach(consumer, lost: false);
        await EndAsync(owned);
        await SettleDownAsync();
    }

    private void Detach(JmsConsumer consumer, bool lost)
    {
        _model.Detach(consumer.Model, lost);
        _mayHaveLate = true;
        consumer.Forget();
    }

    private async Task<bool> BrowseAsync(Operation operation)
    {
        var session = await SessionAsync(operation);
        var address = await UseAsync(operation.Destination);
        var selector = operation.Selector < 0 ? null : Selector.All[operation.Selector];
        var browser = await session.Amqp.CreateReceiverAsync(address, JmsLinks.Browser(selector));
        await browser.DrainAsync();
        var seen = new List<ReceivedMessage>();
        while (browser.TryReceive(out var message))
        {
            seen.Add(message);
        }

        await browser.CloseAsync();
        Compare("browsing", _model.Browse(_model.Queue(address), selector), seen);
        return true;
    }

    private void Compare(string what, IReadOnlyList<ModelEntry> expected, List<ReceivedMessage> seen)
    {
        var ids = string.Join(' ', seen.Select(static message => message.Message.Properties?.MessageId));
        var wanted = string.Join(' ', expected.Select(static entry => entry.Message.Id));
        if (ids != wanted)
        {
            throw new Difference($"{what} gave [{ids}] and should have given [{wanted}]");
        }

        for (var i = 0; i < seen.Count; i++)
        {
            if (JmsMessages.Fault(seen[i].Message, expected[i].Message, expected[i].Failures, !expected[i].WasDelivered, WrittenAt, _broker.Has(Features.Counts)) is { } fault)
            {
                throw new Difference($"{what} gave {expected[i]}, but {fault}");
            }
        }

        Deliveries += seen.Count;
    }
}
