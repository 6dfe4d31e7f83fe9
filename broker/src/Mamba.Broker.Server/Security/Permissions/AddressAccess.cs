using Mamba.Amqp.Transport;
using Mamba.Broker.Engine;
using Mamba.Broker.Server.Connections;
using Mamba.Broker.Server.Links;
using Mamba.Broker.Server.Links.Replies;

namespace Mamba.Broker.Server.Security;

/// <summary>
/// What the user of one connection may do at which address. Asked when a link is attached, for each new address of an anonymous
/// link, and for each management operation; never for a message on a link that is there. Thread-safe.
/// </summary>
internal sealed class AddressAccess(AmqpConnection connection, IReadOnlyList<PermissionTable.Entry> rules)
{
    /// <summary>What temporary nodes, whose real addresses nobody knows beforehand, are called in rules.</summary>
    public const string Temporary = "$temporary";

    /// <summary>Refuses unless one of these actions is permitted.</summary>
    /// <exception cref="LinkRefusedException">amqp:unauthorized-access, or it is no address.</exception>
    public void Require(AddressActions anyOf, in NodeAddress address)
    {
        if (address.Fault() is { } fault)
        {
            throw new LinkRefusedException(Refusal.InvalidAddress(fault));
        }

        if (!Allows(anyOf, address))
        {
            throw new LinkRefusedException(Refused(anyOf, address.Name));
        }
    }

    /// <summary>The same for a node that is there, or is to be made.</summary>
    /// <exception cref="LinkRefusedException">amqp:unauthorized-access.</exception>
    public void Require(AddressActions anyOf, string address, NodeKind kind) => Require(anyOf, new NodeAddress(address, kind, IsTemporary: false));

    /// <summary>Whether one of these actions is permitted.</summary>
    public bool Allows(AddressActions anyOf, in NodeAddress address)
    {
        // Where wildcards stand for themselves they are words like others, and a rule's wildcards take them in.
        var isPattern = address.Kind != NodeKind.Queue && AddressPattern.HasWildcards(address.Name)
            && connection.Server.Engine.Find(address.Name) is not { Kind: NodeKind.Queue };
        return isPattern ? AllowsPattern(anyOf, address.Name) : AllowsOne(anyOf, address.Name);
    }

    /// <summary>Why an action is refused, and what would permit it.</summary>
    public AmqpError Refused(AddressActions anyOf, string address)
    {
        // Of several that would do, the least.
        var action = anyOf.HasFlag(AddressActions.Browse) ? AddressActions.Browse : anyOf;
        var name = action.ToString().ToLowerInvariant();
        var known = MessageEngine.IsTemporaryName(address) ? Temporary : address;
        return new AmqpError(
            ErrorCondition.UnauthorizedAccess,
            $"The user '{connection.Principal.Name}' may not {Describe(action)} '{address}': of the rules in security.permissions that apply to "
            + $"it, the first that takes in '{known}' must have the action '{name}'.");
    }

    /// <summary>An address that is no pattern. A client's own temporary nodes are its own, also when it has lost the connection that made them.</summary>
    private bool AllowsOne(AddressActions anyOf, string address)
    {
        if (MessageEngine.IsTemporaryName(address))
        {
            if (connection.Server.Engine.Find(address)?.Owner is TerminusOwner owner && KeptNodes.IsSameClient(owner.Connection, connection))
            {
                return true;
            }

            address = Temporary;
        }

        foreach (var rule in rules)
        {
            if (rule.Matches(address))
            {
                return (rule.Actions & anyOf) != AddressActions.None;
            }
        }

        return false;
    }

    /// <summary>Every address that the pattern stands for, now or later, has to be permitted.</summary>
    private bool AllowsPattern(AddressActions anyOf, string pattern)
    {
        foreach (var rule in rules)
        {
            if (!rule.Overlaps(pattern))
            {
                continue;
            }

            if ((rule.Actions & anyOf) == AddressActions.None)
            {
                return false;
            }

            if (rule.Covers(pattern))
            {
                return true;
            }
        }

        return false;
    }

    private static string Describe(AddressActions action) => action switch
    {
        AddressActions.Send => "send to",
        AddressActions.Receive => "receive from",
        AddressActions.Create => "create, or make or end durable subscriptions to,",
        _ => action.ToString().ToLowerInvariant(),
    };
}
