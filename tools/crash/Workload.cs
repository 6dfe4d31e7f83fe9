using Mamba.Amqp.Client;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;

namespace Mamba.Tools.Crash;

/// <summary>
/// The load of one life of the broker: producers send durable messages to the source queue, one mover takes them in transactions to
/// two target queues, consumers take those with confirmed settlements. Every task ends when the connection dies or it is told to stop.
/// </summary>
internal sealed class Workload(Uri broker, History history, WorkloadOptions options)
{
    public const string Source = "crash.source";
    public static readonly string[] Targets = ["crash.left", "crash.right"];

    private const int MovesPerTransaction = 5;
    private const int MovesPerTransactionInDrain = 500;

    private readonly long[] _nextSequence = new long[options.Producers];

    /// <summary>Runs until the broker is gone or <paramref name="stop"/> is signalled.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        var tasks = new List<Task>();
        for (var producer = 0; producer < options.Producers; producer++)
        {
            tasks.Add(GuardAsync(ProduceAsync, producer, stop));
        }

        tasks.Add(GuardAsync((session, _, token) => MoveAsync(session, token), 0, stop));
        for (var consumer = 0; consumer < options.Consumers; consumer++)
        {
            tasks.Add(GuardAsync((session, n, token) => ConsumeAsync(session, Targets[n % Targets.Length], token), consumer, stop));
        }

        await Task.WhenAll(tasks);
    }

    /// <summary>Moves and consumes until every queue answers three drains in a row with nothing.</summary>
    public async Task DrainAsync(CancellationToken stop)
    {
        await using var connection = await AmqpConnection.ConnectAsync(broker, stop);
        await using var session = await connection.CreateSessionAsync(stop);
        for (var empty = 0; empty < 3;)
        {
            var found = await DrainOnceAsync(session, stop);
            empty = found == 0 ? empty + 1 : 0;
        }
    }

    private async Task GuardAsync(Func<AmqpSession, int, CancellationToken, Task> work, int number, CancellationToken stop)
    {
        try
        {
            await using var connection = await AmqpConnection.ConnectAsync(broker, stop);
            await using var session = await connection.CreateSessionAsync(stop);
            await work(session, number, stop);
        }
        catch (Exception e) when (e is AmqpException or OperationCanceledException or IOException)
        {
            // The broker was killed, which is the point; what is unanswered stays unknown.
        }
    }

    private async Task ProduceAsync(AmqpSession session, int producer, CancellationToken stop)
    {
        var sender = await session.CreateSenderAsync(Source, new SenderOptions { MaxInFlight = options.InFlight }, stop);
        var pending = new Queue<(MessageIdentity Identity, Task<DeliveryState> Outcome)>();
        while (!stop.IsCancellationRequested)
        {
            var identity = new MessageIdentity(producer, _nextSequence[producer]++);
            history.Attempted(identity);
            pending.Enqueue((identity, sender.SendAsync(NewMessage(identity, Source), ct: stop)));
            while (pending.Count >= options.InFlight || (pending.Count > 0 && pending.Peek().Outcome.IsCompleted))
            {
                var (sent, outcome) = pending.Dequeue();
                history.Answered(sent, await outcome is Accepted);
            }
        }
    }

    private async Task MoveAsync(AmqpSession session, CancellationToken stop)
    {
        var receiver = await session.CreateReceiverAsync(
            Source, new ReceiverOptions { Credit = 50, Name = "mover" }, stop);
        var senders = await OpenTargetsAsync(session, stop);
        while (!stop.IsCancellationRequested)
        {
            await MoveSomeAsync(session, receiver, senders, await receiver.ReceiveAsync(stop), MovesPerTransaction, stop);
        }
    }

    private async Task MoveSomeAsync(
        AmqpSession session, AmqpReceiver receiver, List<AmqpSender> senders, ReceivedMessage first, int maximum, CancellationToken stop)
    {
        var moved = new List<MessageIdentity>();
        var sends = new List<Task<DeliveryState>>();
        var accepts = new List<Task>();
        await using var transaction = await session.BeginTransactionAsync(stop);
        var message = first;
        do
        {
            if (Note(Source, message, ordered: true) is { } identity)
            {
                for (var i = 0; i < senders.Count; i++)
                {
                    sends.Add(senders[i].SendAsync(NewMessage(identity, Targets[i]), transaction: transaction, ct: stop));
                }

                moved.Add(identity);
            }

            accepts.Add(receiver.AcceptAsync(message, transaction, stop));
        }
        while (moved.Count < maximum && receiver.TryReceive(out message!));

        await Task.WhenAll(accepts);
        foreach (var outcome in await Task.WhenAll(sends))
        {
            outcome.ThrowIfNotAccepted();
        }

        await transaction.CommitAsync(stop);
        foreach (var identity in moved)
        {
            history.Confirmed(Source, identity);
        }
    }

    private async Task ConsumeAsync(AmqpSession session, string queue, CancellationToken stop)
    {
        var receiver = await session.CreateReceiverAsync(
            queue, new ReceiverOptions { Credit = 50, SettleMode = ReceiverSettleMode.Second }, stop);
        while (!stop.IsCancellationRequested)
        {
            List<Task> consuming = [ConsumeOneAsync(receiver, queue, await receiver.ReceiveAsync(stop), stop)];
            while (receiver.TryReceive(out var message))
            {
                consuming.Add(ConsumeOneAsync(receiver, queue, message, stop));
            }

            await Task.WhenAll(consuming);
        }
    }

    private async Task ConsumeOneAsync(AmqpReceiver receiver, string queue, ReceivedMessage message, CancellationToken stop)
    {
        var identity = Note(queue, message, ordered: false);
        await receiver.AcceptAsync(message, ct: stop);
        if (identity is { } consumed)
        {
            history.Confirmed(queue, consumed);
        }
    }

    private async Task<int> DrainOnceAsync(AmqpSession session, CancellationToken stop)
    {
        var found = 0;
        var source = await session.CreateReceiverAsync(Source, new ReceiverOptions { Credit = 1000, AutoReplenish = false }, stop);
        var senders = await OpenTargetsAsync(session, stop);
        await source.DrainAsync(stop);
        while (source.TryReceive(out var message))
        {
            found++;
            await MoveSomeAsync(session, source, senders, message, MovesPerTransactionInDrain, stop);
        }

        await source.CloseAsync(stop);
        foreach (var sender in senders)
        {
            await sender.CloseAsync(stop);
        }

        foreach (var queue in Targets)
        {
            found += await DrainQueueAsync(session, queue, queue, stop);
            found += await DrainQueueAsync(session, $"DLQ.{queue}", queue, stop);
        }

        return found;
    }

    private async Task<int> DrainQueueAsync(AmqpSession session, string address, string queue, CancellationToken stop)
    {
        var receiver = await session.CreateReceiverAsync(
            address, new ReceiverOptions { Credit = 1000, AutoReplenish = false, SettleMode = ReceiverSettleMode.Second }, stop);
        await receiver.DrainAsync(stop);
        var consuming = new List<Task>();
        while (receiver.TryReceive(out var message))
        {
            consuming.Add(ConsumeOneAsync(receiver, queue, message, stop));
        }

        await Task.WhenAll(consuming);
        await receiver.CloseAsync(stop);
        return consuming.Count;
    }

    private static async Task<List<AmqpSender>> OpenTargetsAsync(AmqpSession session, CancellationToken stop)
    {
        var senders = new List<AmqpSender>();
        foreach (var target in Targets)
        {
            senders.Add(await session.CreateSenderAsync(target, ct: stop));
        }

        return senders;
    }

    private MessageIdentity? Note(string queue, ReceivedMessage received, bool ordered)
    {
        var header = received.Message.Header ?? MessageHeader.Default;
        var identity = MessagePayload.Read(received.Message.Data, queue);
        history.Delivered(queue, identity, flagged: header.DeliveryCount > 0 || !header.FirstAcquirer, ordered);
        return identity;
    }

    private AmqpMessage NewMessage(MessageIdentity identity, string queue)
    {
        var message = AmqpMessage.FromData(MessagePayload.Create(identity, queue, options.BodyBytes));
        message.Header = MessageHeader.Default with { Durable = true };
        return message;
    }
}

internal sealed record WorkloadOptions(int Producers, int Consumers, int InFlight, int BodyBytes);
