using Mamba.Amqp.Client;
using Mamba.Tools.Model.Modelling;
using Mamba.Tools.Model.Sequences;

namespace Mamba.Tools.Model.Jms;

/// <summary>A JMS session: its mode, its consumers, its transaction.</summary>
internal sealed class JmsSession(int slot, JmsConnection connection, AmqpSession amqp, AckMode mode)
{
    private readonly Dictionary<string, AmqpSender> _senders = [];

    public int Slot => slot;

    public JmsConnection Connection => connection;

    public AmqpSession Amqp => amqp;

    public AckMode Mode => mode;

    /// <summary>Those closed by the application that still have something to acknowledge included.</summary>
    public List<JmsConsumer> Consumers { get; } = [];

    public AmqpTransaction? Transaction { get; private set; }

    public ModelTransaction Enlisted { get; private set; } = new();

    /// <summary>Messages the application has and has not acknowledged, in the order in which it got them.</summary>
    public List<JmsDelivery> Unacknowledged { get; } = [];

    public bool KeepsUnacknowledged => mode is AckMode.Client or AckMode.Individual;

    public async Task<AmqpTransaction?> TransactionAsync() =>
        mode != AckMode.Transacted ? null : Transaction ??= await amqp.BeginTransactionAsync();

    /// <summary>The transaction was discharged: the next is begun when needed.</summary>
    public void EndTransaction()
    {
        Transaction = null;
        Enlisted = new ModelTransaction();
    }

    /// <summary>The producer to an address; null is the anonymous one.</summary>
    public async Task<AmqpSender> SenderAsync(string? address, Destination target)
    {
        var key = address ?? "";
        if (!_senders.TryGetValue(key, out var sender))
        {
            _senders[key] = sender = await amqp.CreateSenderAsync(address, JmsLinks.Sender(address is null ? null : target));
        }

        return sender;
    }

    /// <summary>The producer to an address, when there is one. It will be made anew.</summary>
    public AmqpSender? ForgetSender(string address) => _senders.Remove(address, out var sender) ? sender : null;
}
