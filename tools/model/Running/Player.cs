using Mamba.Amqp.Client;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Tools.Model.Jms;
using Mamba.Tools.Model.Modelling;
using Mamba.Tools.Model.Sequences;

namespace Mamba.Tools.Model.Running;

/// <summary>How a player plays.</summary>
internal sealed record PlayerOptions
{
    /// <summary>How long a delivery that must come may take, before it counts as lost.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>The same at the end, when queues are emptied.</summary>
    public TimeSpan PatienceAtTheEnd { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Ends a sequence in the middle.</summary>
    public CancellationToken Stop { get; init; }

    /// <summary>What a test of the harness does to what arrives at a consumer.</summary>
    public Func<IReadOnlyList<ReceivedMessage>, IReadOnlyList<ReceivedMessage>>? Tamper { get; init; }
}

/// <summary>
/// Plays one sequence against the broker and the model side by side, one operation at a time, and compares what can be seen after
/// each. All names begin with the sequence's own prefix.
/// </summary>
internal sealed partial class Player : IAsyncDisposable
{
    /// <summary>What the difference says when a message did not come in time.</summary>
    public const string NotDelivered = "was not delivered within";

    /// <summary>Takes more than one frame, in and out.</summary>
    private const int LargeBody = 200_000;

    private readonly IBrokerUnderTest _broker;
    private readonly PlayerOptions _options;
    private readonly string _prefix;
    private readonly BrokerModel _model;
    private readonly JmsConnection?[] _connections = new JmsConnection?[3];
    private readonly JmsSession?[] _sessions = new JmsSession?[Generator.Sessions];
    private readonly JmsConsumer?[] _consumers = new JmsConsumer?[Generator.Consumers];
    private readonly HashSet<Destination> _used = [];
    private ManagementClient? _management;
    private bool _mayHaveLate;
    private long? _stepBegan;

    public Player(IBrokerUnderTest broker, string prefix, Rules rules, PlayerOptions options)
    {
        _broker = broker;
        _options = options;
        _prefix = prefix;
        _model = new BrokerModel(rules, broker.Now);
    }

    /// <summary>Operations that found something to work on.</summary>
    public int Done { get; private set; }

    /// <summary>Messages that were given to a consumer, and compared.</summary>
    public int Deliveries { get; private set; }

    /// <summary>Links of the model, those included that the application closed and that live on for acknowledgements.</summary>
    private IEnumerable<JmsConsumer> Links => _sessions.Where(static s => s is not null).SelectMany(static s => s!.Consumers);

    /// <exception cref="Difference">Broker and model differ.</exception>
    /// <exception cref="OperationCanceledException">It was to end.</exception>
    public async Task PlayAsync(IReadOnlyList<Operation> operations)
    {
        foreach (var operation in operations)
        {
            _options.Stop.ThrowIfCancellationRequested();
            try
            {
                Done += await ApplyAsync(operation) ? 1 : 0;
            }
            catch (Exception e) when (e is Difference or AmqpException or TimeoutException or InvalidOperationException)
            {
                throw new Difference($"at {operation.ToString().TrimStart()}: {(e is Difference ? "" : e.GetType().Name + ": ")}{e.Message}", e);
            }
        }

        try
        {
            await FinishAsync();
        }
        catch (Exception e) when (e is Difference or AmqpException or TimeoutException or InvalidOperationException)
        {
            throw new Difference($"at the end: {(e is Difference ? "" : e.GetType().Name + ": ")}{e.Message}", e);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var connection in _connections)
        {
            await (connection?.Amqp.AbortAsync() ?? ValueTask.CompletedTask);
        }

        if (_management is not null)
        {
            await _management.DisposeAsync();
        }
    }

    private Task<bool> ApplyAsync(Operation operation) => operation.Kind switch
    {
        OperationKind.Send => SendAsync(operation),
        OperationKind.Reply => ReplyAsync(operation),
        OperationKind.Consume => ConsumeAsync(operation),
        OperationKind.Receive => ReceiveAsync(operation, throws: false),
        OperationKind.ReceiveAndThrow => ReceiveAsync(operation, throws: true),
        OperationKind.Acknowledge => AcknowledgeAsync(operation, ModelOutcome.Accepted),
        OperationKind.AcknowledgeAs => AcknowledgeAsync(operation, operation.Outcome),
        OperationKind.Recover => RecoverAsync(operation),
        OperationKind.Commit => CommitAsync(operation),
        OperationKind.Rollback => RollbackAsync(operation),
        OperationKind.CloseConsumer => CloseConsumerAsync(operation),
        OperationKind.CloseSession => CloseSessionAsync(operation),
        OperationKind.Browse => BrowseAsync(operation),
        OperationKind.Unsubscribe => UnsubscribeAsync(operation),
        OperationKind.Purge => PurgeAsync(operation),
        OperationKind.Delete => DeleteAsync(operation),
        OperationKind.CreateTemporary => CreateTemporaryAsync(operation),
        OperationKind.DeleteTemporary => DeleteTemporaryAsync(operation),
        OperationKind.Advance => AdvanceAsync(operation.Which),
        OperationKind.CloseConnection => CloseConnectionAsync(operation),
        OperationKind.LoseConnection => LoseConnectionAsync(operation),
        _ => RestartAsync(operation.Flag),
    };

    private async Task<JmsConnection> ConnectionAsync(int slot) =>
        _connections[slot] ??= await JmsConnection.OpenAsync(_broker.Connection, $"{_prefix}-c{slot}");

    private async Task<JmsSession> SessionAsync(Operation operation)
    {
        if (_sessions[operation.Session] is not { } session)
        {
            var connection = await ConnectionAsync(operation.Connection);
            session = new JmsSession(operation.Session, connection, await connection.Amqp.CreateSessionAsync(), operation.Mode);
            connection.Sessions.Add(session);
            _sessions[operation.Session] = session;
        }

        return session;
    }

    private async Task<ManagementClient> ManagementAsync() => _management ??= await ManagementClient.ConnectAsync(_broker.Connection);

    private async Task<bool> SendAsync(Operation operation)
    {
        var target = operation.Destination;
        var address = target.IsTemporary() ? _temporaries.GetValueOrDefault(target)?.Address ?? _gone.GetValueOrDefault(target) : await UseAsync(target);
        if (address is null)
        {
            return false;
        }

        if (target.Kind() == QueueKind.LastValue)
        {
            await ExpireLateAsync();
        }

        await PublishAsync(operation, await SessionAsync(operation), target, address);
        return true;
    }

    private async Task PublishAsync(Operation operation, JmsSession session, Destination target, string address)
    {
        var topic = !target.IsQueue();
        var message = MessageOf(operation, session.Connection.ClientId);
        var transaction = await session.TransactionAsync();
        var encoded = JmsMessages.Encode(message, address, topic, _broker.Now);
        if (target.IsTemporary() && !_temporaries.Values.Any(temporary => temporary.Address == address))
        {
            await SendLateAsync(operation with { Destination = target }, session, address, encoded, transaction);
            return;
        }

        var sender = await session.SenderAsync(operation.Other ? null : address, target);
        var outcome = await sender.SendAsync(encoded, transaction: transaction);
        if (outcome is not Accepted)
        {
            throw new Difference($"m{operation.Number} was not accepted: {outcome}");
        }

        var queues = _model.Route(message, address, topic);
        if (transaction is null)
        {
            _model.Send(message, queues);
        }
        else
        {
            session.Enlisted.Sends.Add((address, message, queues));
        }

        await SettleDownAsync();
    }

    private ModelMessage MessageOf(Operation operation, string origin) => new()
    {
        Id = $"m{operation.Number}",
        Durable = operation.Durable,
        Priority = operation.Priority,
        ExpiresAt = operation.Ttl > 0 ? _broker.Now + operation.Ttl : 0,
        DeliverAt = operation.Delay > 0 ? _broker.Now + operation.Delay : 0,
        Group = operation.Group,
        ClosesGroup = operation.ClosesGroup,
        Color = operation.Color,
        Amount = operation.Amount,
        Type = operation.Type,
        ReplyTo = operation.AsksReply ? _temporaries.GetValueOrDefault(Destination.TemporaryQueue)?.Address : null,
        Origin = origin,
        BodyBytes = operation is { Amount: 9, Which: 1 } ? LargeBody : 1 << operation.Amount,
    };

    private async Task<bool> AdvanceAsync(int milliseconds)
    {
        const int Step = 1_000;
        for (var left = milliseconds; left > 0; left -= Step)
        {
            _stepBegan = _broker.Now;
            _broker.Advance(Step);
            _model.Advance(Step);
            await EndOverdueAsync();
            await SettleDownAsync();
            _stepBegan = null;
        }

        _mayHaveLate = false;
        return true;
    }

    /// <summary>After a step: takes in what arrives until nothing is missing, and nothing that is possible can be under way.</summary>
    private async Task SettleDownAsync(bool ordered = true)
    {
        var round = new Round(_model);
        Collect(round);
        while (round.Missing() is { } missing)
        {
            await SomethingAsync(missing);
            Collect(round);
        }

        foreach (var connection in Links.Where(static link => Round.IsPossible(link.Model)).Select(static link => link.Session.Connection).Distinct().ToArray())
        {
            await connection.BarrierAsync();
            Collect(round);
        }

        round.End(ordered);
    }

    private async Task SomethingAsync((ModelConsumer Consumer, ModelEntry Entry) missing)
    {
        using var arrived = new CancellationTokenSource();
        var arrivals = Links.Where(static link => link.Model.Credit > 0).Select(link => link.ArrivalAsync(arrived.Token)).ToArray();
        try
        {
            await Task.WhenAny(arrivals).WaitAsync(_options.Patience, _options.Stop);
        }
        catch (TimeoutException e)
        {
            throw new Difference(
                $"{missing.Entry} {NotDelivered} {_options.Patience.TotalSeconds} s to {missing.Consumer.Name}, which has credit {missing.Consumer.Credit}", e);
        }
        finally
        {
            await arrived.CancelAsync();
            await Task.WhenAll(arrivals);
        }
    }

    private void Collect(Round round)
    {
        foreach (var link in Links)
        {
            List<ReceivedMessage>? arrived = null;
            while (link.TryTake(out var message))
            {
                (arrived ??= []).Add(message);
            }

            foreach (var message in arrived is null ? [] : _options.Tamper?.Invoke(arrived) ?? arrived)
            {
                link.Fetched.Add(new JmsDelivery(link, message, Check(round, link, message)));
            }
        }
    }

    private ModelEntry Check(Round round, JmsConsumer link, ReceivedMessage received)
    {
        var message = received.Message;
        var entry = round.Deliver(link.Model, message.Properties?.MessageId as string ?? "(no message-id)");
        if (JmsMessages.Fault(message, entry.Message, entry.Failures, !entry.WasDelivered, WrittenAt, _broker.Has(Features.Counts)) is { } fault)
        {
            throw new Difference($"{link.Model.Name} was given {entry}, but {fault}");
        }

        entry.WasDelivered = true;
        Deliveries++;
        return entry;
    }

    /// <summary>When the broker may have written what arrives now: timers fire, and messages leave, at their time within a step.</summary>
    private (long From, long To)? WrittenAt => _broker.HasTime ? (_stepBegan ?? _broker.Now, _broker.Now) : null;
}
