using System.Diagnostics.CodeAnalysis;
using Mamba.Amqp.Client;
using Mamba.Amqp.Messaging;
using Mamba.Tools.Model.Modelling;
using Mamba.Tools.Model.Sequences;

namespace Mamba.Tools.Model.Jms;

/// <summary>A message that a consumer was given.</summary>
internal sealed class JmsDelivery(JmsConsumer consumer, ReceivedMessage message, ModelEntry entry)
{
    public JmsConsumer Consumer => consumer;

    public ModelEntry Entry => entry;

    /// <summary>The application had it, and recovered: it is to get it again.</summary>
    public bool IsRecovered { get; set; }

    public string? ReplyTo => message.Message.Properties?.ReplyTo;

    public Task SettleAsync(Outcome outcome, AmqpTransaction? transaction = null) => consumer.Amqp.SettleAsync(message, outcome, transaction);
}

/// <summary>A JMS message consumer: its link, what it has fetched ahead, and what it knows of its credit.</summary>
internal sealed class JmsConsumer(int slot, JmsSession session, Destination target, AmqpReceiver amqp, ModelConsumer model, int prefetch)
{
    private readonly Queue<ReceivedMessage> _awaited = new();

    public int Slot => slot;

    public JmsSession Session => session;

    public Destination Destination => target;

    public AmqpReceiver Amqp => amqp;

    public ModelConsumer Model => model;

    public int Prefetch => prefetch;

    /// <summary>Arrived, and not given to the application.</summary>
    public List<JmsDelivery> Fetched { get; } = [];

    /// <summary>Where the last request that the application was given wants its reply.</summary>
    public string? ReplyTo { get; set; }

    /// <summary>The application closed it; the link stays until all is acknowledged.</summary>
    public bool IsClosing { get; set; }

    /// <summary>Ends when a message is here, or when it is cancelled.</summary>
    public async Task ArrivalAsync(CancellationToken ct)
    {
        try
        {
            _awaited.Enqueue(await amqp.ReceiveAsync(ct));
        }
        catch (OperationCanceledException)
        {
            // Something arrived elsewhere.
        }
    }

    /// <summary>Takes what has arrived on the link.</summary>
    public bool TryTake([NotNullWhen(true)] out ReceivedMessage? message) => _awaited.TryDequeue(out message) || amqp.TryReceive(out message);

    public void Grant(int messages)
    {
        if (messages > 0)
        {
            model.Credit += messages;
            amqp.Grant(messages);
        }
    }

    /// <summary>Grants again when half of the credit is used up.</summary>
    public void TopUp()
    {
        if (!IsClosing && (model.Credit + Fetched.Count) * 2 <= prefetch)
        {
            Grant(prefetch - model.Credit - Fetched.Count);
        }
    }

    /// <summary>The link is gone: nothing comes any more.</summary>
    public void Forget()
    {
        model.Credit = 0;
        Fetched.Clear();
        _awaited.Clear();
    }
}
