using Mamba.Amqp.Transport;
using Mamba.Broker.Engine;
using Mamba.Broker.Server.Connections;
using Mamba.Broker.Server.Dialects.RabbitMq;
using Mamba.Broker.Server.Management;
using Mamba.Broker.Server.Messages;
using Mamba.Broker.Server.Security;

namespace Mamba.Broker.Server.Links;

/// <summary>
/// Finds the node of each message sent to the anonymous terminus. While an address is being made, the messages behind it wait,
/// so that a sender's order holds, and so does the discharge of a transaction that one of them belongs to. Touched only by turns
/// of the link's connection.
/// </summary>
internal sealed partial class AnonymousRouter(AmqpConnection connection)
{
    private const int CacheSize = 1000;

    private readonly Dictionary<string, IMessageNode> _known = new(StringComparer.Ordinal);
    private readonly Queue<Waiting> _waiting = new();
    private bool _resolving;

    /// <summary>The message whose address is being made; null when there is none, or it was left behind by its link.</summary>
    private Waiting? _current;

    public void Route(InboundLink link, in Incoming incoming, string? to)
    {
        if (_resolving)
        {
            Hold(incoming);
            _waiting.Enqueue(new Waiting(incoming, to));
            return;
        }

        if (string.IsNullOrEmpty(to))
        {
            link.Refuse(incoming, new AmqpError(
                ErrorCondition.PreconditionFailed, "A message on an anonymous link needs its address in properties.to."));
            return;
        }

        if (ManagementDesk.IsNode(to))
        {
            link.Ask(incoming);
            return;
        }

        if (_known.TryGetValue(to, out var node) && !node.IsDeleted)
        {
            link.Accept(incoming, node);
            return;
        }

        Resolve(link, incoming, to);
    }

    /// <summary>
    /// The link is gone. What still waits and is settled is stored without it, as nobody will send it again; the rest is dropped: its
    /// sender got no outcome.
    /// </summary>
    public void Drop(InboundLink link)
    {
        var leftovers = new List<(StoredMessage Message, string To)>();
        if (_current is { } current && current.IsFinal)
        {
            leftovers.Add((current.Incoming.Message, current.To!));
            _current = null;
        }

        while (_waiting.TryDequeue(out var waiting))
        {
            if (waiting.IsFinal)
            {
                leftovers.Add((waiting.Incoming.Message, waiting.To!));
                continue;
            }

            waiting.Incoming.Message.Release();
            link.SpoilTransaction(waiting.Incoming, "a message was not stored before its link ended");
            LetGo(waiting.Incoming);
        }

        if (leftovers.Count > 0)
        {
            _ = RelayLeftovers.StoreAsync(connection, leftovers);
        }
    }

    private void Hold(in Incoming incoming) => Find(incoming)?.Hold();

    private void LetGo(in Incoming incoming) => Find(incoming)?.LetGo();

    private OpenTransaction? Find(in Incoming incoming) =>
        incoming.Transaction is { } state ? connection.Transactions.Find(state.TxnId) : null;

    private void Resolve(InboundLink link, in Incoming incoming, string to)
    {
        var addresses = connection.Server.Addresses;
        var address = NodeAddress.Parse(to, default);
        try
        {
            if (RabbitMqAddress.IsOne(to))
            {
                RelayToRabbitMq(link, incoming, to);
                return;
            }

            connection.Access?.Require(AddressActions.Send, address);
            if (address.Kind is null && addresses.Find(address) is null)
            {
                address = NodeAddress.Parse(to, DestinationType.Read(incoming.Message));
            }

            var pending = addresses.ResolveTargetAsync(address, connection.Access);
            if (pending.IsCompleted)
            {
                var node = pending.GetAwaiter().GetResult();
                Remember(to, node);
                link.Accept(incoming, node);
                return;
            }

            _resolving = true;
            _current = new Waiting(incoming, to);
            Hold(incoming);
            _ = FinishAsync(link, incoming, to, pending.AsTask());
        }
        catch (LinkRefusedException e)
        {
            connection.Server.LateReplies.OnRefused(to, e.Error);
            link.Refuse(incoming, e.Error);
        }
    }

    private async Task FinishAsync(InboundLink link, Incoming incoming, string to, Task<IMessageNode> pending)
    {
        IMessageNode? node = null;
        AmqpError? error = null;
        try
        {
            node = await pending;
        }
        catch (LinkRefusedException e)
        {
            error = e.Error;
        }
        catch (Exception e)
        {
            error = new AmqpError(ErrorCondition.InternalError, $"'{to}' could not be made: {e.Message}");
        }

        connection.Post(() =>
        {
            if (_current is null)
            {
                // Its link is gone and left it behind.
            }
            else if (node is not null)
            {
                Remember(to, node);
                link.Accept(incoming, node);
            }
            else
            {
                connection.Server.LateReplies.OnRefused(to, error!);
                link.Refuse(incoming, error!);
            }

            _resolving = false;
            _current = null;
            LetGo(incoming);
            while (!_resolving && _waiting.TryDequeue(out var next))
            {
                Route(link, next.Incoming, next.To);
                LetGo(next.Incoming);
            }
        });
    }

    private void Remember(string to, IMessageNode node)
    {
        if (_known.Count >= CacheSize)
        {
            _known.Clear();
        }

        _known[to] = node;
    }

    private readonly record struct Waiting(Incoming Incoming, string? To)
    {
        /// <summary>Nobody waits for its outcome, and it has somewhere to go.</summary>
        public bool IsFinal => Incoming is { Settled: true, Transaction: null } && !string.IsNullOrEmpty(To);
    }
}
