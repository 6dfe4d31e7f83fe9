using Mamba.Broker.Engine;
using Mamba.Broker.Server.Dialects.Artemis;
using Mamba.Broker.Server.Management;
using Mamba.Broker.Server.Security;

namespace Mamba.Broker.Server.Links;

/// <summary>
/// From an address to its node. The kind comes, in this order, from the prefix, the terminus capabilities, the node that is
/// there, and configuration; an address that nothing speaks for is a queue, or with wildcards a pattern of topics. Wildcards mean
/// something to subscriptions of topics only: in a queue's address they stand for themselves. Thread-safe.
/// </summary>
internal sealed class AddressDirectory(MessageEngine engine, ServerOptions options)
{
    private readonly AddressPattern[] _patterns = [.. options.Addresses.Select(rule => new AddressPattern(rule.Pattern))];

    /// <summary>The node that is there, or null; an address that cannot be or has another kind is refused.</summary>
    /// <exception cref="LinkRefusedException">The address is no address, or the node is of the other kind.</exception>
    public IMessageNode? Find(in NodeAddress address)
    {
        if (address.Fault() is { } fault)
        {
            throw new LinkRefusedException(Refusal.InvalidAddress(fault));
        }

        if (ManagementDesk.IsNode(address.Name) || ArtemisDesk.IsNode(address.Name) || ClassicScheduler.IsAddress(address.Name))
        {
            throw new LinkRefusedException(Refusal.NoQueue(address.Name));
        }

        if (address.Kind == NodeKind.Topic && AddressPattern.HasWildcards(address.Name))
        {
            return null;
        }

        var node = engine.Find(address.Name);
        if (node is not null && address.Kind is { } wanted && wanted != node.Kind)
        {
            throw new LinkRefusedException(Refusal.WrongKind(address.Name, node.Kind, wanted));
        }

        return node;
    }

    /// <summary>The node, made when it is missing and may be made.</summary>
    /// <param name="address">The address.</param>
    /// <param name="access">What the user may do; null for everything.</param>
    /// <exception cref="LinkRefusedException">Not an address, another kind, or missing and not to be made.</exception>
    public async ValueTask<IMessageNode> ResolveAsync(NodeAddress address, AddressAccess? access)
    {
        if (Find(address) is { } node)
        {
            return node;
        }

        var rule = RuleFor(address.Name);
        var isPattern = AddressPattern.HasWildcards(address.Name);
        var kind = address.Kind ?? rule?.Kind ?? (isPattern ? NodeKind.Topic : NodeKind.Queue);
        if (isPattern && kind == NodeKind.Topic)
        {
            // It makes nothing that messages could be sent to, so whether nodes may be made on demand does not matter.
            return await engine.GetOrCreateAsync(address.Name, NodeKind.Topic);
        }

        if (address.IsTemporary || MessageEngine.IsTemporaryName(address.Name) || !(rule?.AutoCreate ?? (options.AutoCreate && !address.IsReserved)))
        {
            throw new LinkRefusedException(address.IsReserved ? Refusal.Reserved(address.Name) : Refusal.NotFound(address.Name));
        }

        access?.Require(AddressActions.Create, address.Name, kind);
        try
        {
            return await engine.GetOrCreateAsync(address.Name, kind);
        }
        catch (EngineException e)
        {
            throw new LinkRefusedException(Refusal.From(e));
        }
    }

    /// <summary>The node to send to: as <see cref="ResolveAsync"/>, but no pattern.</summary>
    /// <exception cref="LinkRefusedException">As there, and for an address that stands for many topics.</exception>
    public async ValueTask<IMessageNode> ResolveTargetAsync(NodeAddress address, AddressAccess? access)
    {
        var node = await ResolveAsync(address, access);
        return node.Kind == NodeKind.Topic && AddressPattern.HasWildcards(node.Address)
            ? throw new LinkRefusedException(Refusal.WildcardTarget(node.Address))
            : node;
    }

    /// <summary>What a missing address is made as.</summary>
    public NodeKind KindOf(string name) => RuleFor(name)?.Kind ?? NodeKind.Queue;

    private AddressRule? RuleFor(string name)
    {
        for (var i = 0; i < _patterns.Length; i++)
        {
            if (_patterns[i].Matches(name))
            {
                return options.Addresses[i];
            }
        }

        return null;
    }
}
