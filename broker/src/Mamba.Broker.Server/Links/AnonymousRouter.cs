using Mamba.Amqp.Transport;
using Mamba.Broker.Engine;
using Mamba.Broker.Server.Connections;

namespace Mamba.Broker.Server.Links;

/// <summary>
/// Finds the node of each message sent to the anonymous terminus. While an address is being made, the messages behind it wait,
/// so that a sender's order holds. Touched only by turns of the link's connection.
/// </summary>
internal sealed class AnonymousRouter(AddressDirectory addresses)
{
    private const int CacheSize = 1000;

    private readonly Dictionary<string, IMessageNode> _known = new(StringComparer.Ordinal);
    private readonly Queue<Waiting> _waiting = new();
    private bool _resolving;

    public void Route(InboundLink link, in Incoming incoming, string? to)
    {
        if (_resolving)
        {
            _waiting.Enqueue(new Waiting(incoming, to));
            return;
        }

        if (string.IsNullOrEmpty(to))
        {
            link.Refuse(incoming, new AmqpError(
                ErrorCondition.PreconditionFailed, "A message on an anonymous link needs its address in properties.to."));
            return;
        }

        if (_known.TryGetValue(to, out var node) && !node.IsDeleted)
        {
            link.Accept(incoming, node);
            return;
        }

        Resolve(link, incoming, to);
    }

    public void Drop()
    {
        while (_waiting.TryDequeue(out var waiting))
        {
            waiting.Incoming.Message.Release();
        }
    }

    private void Resolve(InboundLink link, in Incoming incoming, string to)
    {
        var address = NodeAddress.Parse(to, default);
        try
        {
            var pending = addresses.ResolveAsync(address);
            if (pending.IsCompletedSuccessfully)
            {
                var node = pending.GetAwaiter().GetResult();
                Remember(to, node);
                link.Accept(incoming, node);
                return;
            }

            _resolving = true;
            _ = FinishAsync(link, incoming, to, pending.AsTask());
        }
        catch (LinkRefusedException e)
        {
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

        link.Post(() =>
        {
            if (node is not null)
            {
                Remember(to, node);
                link.Accept(incoming, node);
            }
            else
            {
                link.Refuse(incoming, error!);
            }

            _resolving = false;
            while (!_resolving && _waiting.TryDequeue(out var next))
            {
                Route(link, next.Incoming, next.To);
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

    private readonly record struct Waiting(Incoming Incoming, string? To);
}
